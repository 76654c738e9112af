/** The help of `cct`: commands grouped under headings, one short line each. Long texts stay in each command's own help. */
import type { Command } from "commander";
import { oneLine } from "../rules/text.ts";
import { TEXT_WAYS } from "./parts/text.ts";

const LAST_HEADING = "More:";

/** Heading → its commands, in the order in which they are listed. */
const GROUPS: Record<string, string[]> = {
  "Set up:": ["up", "install", "uninstall", "doctor", "demo", "config"],
  "People:": ["open", "watch", "browser", "notify"],
  "Messages:": [
    "overview",
    "attention",
    "peers",
    "send",
    "inbox",
    "broadcast",
    "conversations",
    "messages",
    "search",
    "tail",
    "export",
    "import",
    "purge",
    "message",
    "resend",
    "outbox",
    "policy",
    "policies",
    "held",
    "unhold",
    "decide",
    "mute",
    "unmute",
  ],
  "Working together:": ["pools", "pool", "release", "busy", "ready", "service"],
  "Broker:": ["start", "kill", "status", "broker", "notes", "cost", "traffic", "backup", "restore", "migrate"],
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

/** Wrong usage, if a word before `--help` should be a command and is not: Commander would show the help of what it knows. */
export function requireKnown(program: Command, argv: readonly string[]): void {
  if (!argv.some((word) => word === "--help" || word === "-h")) return;
  let at = program;
  for (const word of argv) {
    if (word.startsWith("-") || at.commands.length === 0) return;
    at = at.commands.find((one) => one.name() === word) ?? at.error(`error: unknown command '${word}'`);
  }
}

/** Wrong usage takes one line, like every error, and names the help of the command that was meant. */
function reportInOneLine(command: Command, words: string): void {
  command.configureOutput({
    outputError: (text, write) => {
      const what = inOurWords(command, words, oneLine(text, 1000).replace(/^error: /, "")).replace(/\.$/, "");
      const takesText = command.registeredArguments.some((argument) => argument.name() === "text");
      write(`cct: ${what}.${takesText ? ` A text: ${TEXT_WAYS}.` : ""} See: ${words} --help\n`);
    },
  });
  for (const one of command.commands) reportInOneLine(one, `${words} ${one.name()}`);
}

const MOST_NAMED = 12;

/** Errors of Commander, said of what was typed and with what there is instead. Others stay as they are. */
function inOurWords(command: Command, words: string, what: string): string {
  const [, option, value, choices] =
    /^option '(?:-\w, )?(--[\w-]+)[^']*' argument '(.*?)' is invalid\. Allowed choices are (.*?)\.?$/.exec(what) ?? [];
  if (choices !== undefined) return `${option} cannot be '${value}': choose ${orList(choices)}`;
  const [, wrong, argument, allowed] =
    /^command-argument value '(.*?)' is invalid for argument '(.*?)'\. Allowed choices are (.*?)\.?$/.exec(what) ?? [];
  if (allowed !== undefined) return `<${argument}> cannot be '${wrong}': choose ${orList(allowed)}`;
  const [, missing] = /^missing required argument '(.*)'$/.exec(what) ?? [];
  if (missing !== undefined) return `<${missing}> is missing`;
  const [, unknown] = /^unknown command '(.*?)'/.exec(what) ?? [];
  if (unknown !== undefined) return `${what}${knownOf(command, words)}`;
  const [, expected] = /^too many arguments.*Expected (\d+) arguments?/.exec(what) ?? [];
  if (expected === undefined) return what;
  const [first = "", ...more] = command.args.slice(Number(expected));
  // Where there are commands, one of them was meant. The default one of a group gets what is none.
  const isDefault = isGroup(command.parent) && command.parent.args[0] !== command.name();
  const group = command.commands.length > 0 ? command : isDefault ? command.parent : undefined;
  const where = group === command ? words : words.replace(/ \S+$/, "");
  if (group && expected === "0") return `unknown command '${first}'${knownOf(group, where)}`;
  const text = command.registeredArguments.length > 0 ? " Quote what has spaces" : "";
  return `'${[first, ...more].join(" ").slice(0, 80)}' is more than ${words} takes.${text}`;
}

/** A command of the program that has commands itself. */
const isGroup = (command: Command | null): command is Command => command?.parent != null;

const orList = (choices: string): string => choices.replace(/, (?=[^,]*$)/, " or ");

/** The commands of a group. Those of the whole program are too many for a line. */
function knownOf(group: Command, words: string): string {
  const names = group.commands.map((one) => one.name());
  return group.parent && names.length > 0 && names.length <= MOST_NAMED ? `. ${words} has: ${names.join(", ")}` : "";
}

function firstSentence(command: Command): string {
  const [sentence = ""] = /^.*?[.:;](?=\s|$)/s.exec(command.description()) ?? [];
  return sentence.replace(/[.:;]$/, "");
}
