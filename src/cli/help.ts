/** The help of `cct`: commands grouped under headings, one short line each. Long texts stay in each command's own help. */
import type { Command } from "commander";
import { oneLine } from "../rules/text.ts";

const LAST_HEADING = "More:";

/** Heading → its commands, in the order in which they are listed. */
const GROUPS: Record<string, string[]> = {
  "Set up:": ["up", "install", "uninstall", "doctor", "demo", "config"],
  "Messages:": ["peers", "send", "broadcast", "messages", "message", "resend", "outbox", "policy", "held", "unhold"],
  "Working together:": ["pools", "pool", "release", "busy", "ready", "service"],
  "Broker:": ["start", "kill", "status", "broker", "notes", "cost", "backup", "restore", "migrate"],
  "Other machines:": ["lan-start", "lan-stop", "join", "device"],
  [LAST_HEADING]: ["mcp"],
};

/** Groups the commands once all are there. A command that is in no group is listed last. */
export function arrangeHelp(program: Command): void {
  const order = Object.values(GROUPS).flat();
  const place = (command: Command): number => (order.indexOf(command.name()) + order.length + 1) % (order.length + 1);
  for (const command of program.commands) {
    const [heading = LAST_HEADING] = Object.entries(GROUPS).find(([, names]) => names.includes(command.name())) ?? [];
    command.helpGroup(heading);
    command.helpCommand(false);
    for (const one of [command, ...command.commands]) one.summary(firstSentence(one));
  }
  // Commander shows groups and commands in this order; its array is only typed as read-only.
  (program.commands as Command[]).sort((a, b) => place(a) - place(b));
  // Long lines are hard to read; 80 columns fit every terminal.
  program.configureHelp({ subcommandTerm: (command) => command.name(), helpWidth: 80 });
  program.helpCommand(false);
  program
    .command("help [command...]")
    .summary("Shows the help of a command")
    .helpGroup(LAST_HEADING)
    .action((words: string[]) => {
      let at: Command = program;
      for (const word of words) {
        const next = at.commands.find((one) => one.name() === word);
        if (!next) at.error(`error: unknown command '${word}'`);
        at = next;
      }
      at.outputHelp();
    });
  reportInOneLine(program, "cct");
}

/** Wrong usage takes one line, like every error, and names the help of the command that was meant. */
function reportInOneLine(command: Command, words: string): void {
  command.configureOutput({
    outputError: (text, write) => {
      const what = oneLine(text, 1000)
        .replace(/^error: /, "")
        .replace(/\.$/, "");
      write(`cct: ${what}. See: ${words} --help\n`);
    },
  });
  for (const one of command.commands) reportInOneLine(one, `${words} ${one.name()}`);
}

function firstSentence(command: Command): string {
  const [sentence = ""] = /^.*?[.:;](?=\s|$)/s.exec(command.description()) ?? [];
  return sentence.replace(/[.:;]$/, "");
}
