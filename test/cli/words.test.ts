/** What the command says: examples that work, plain words, and commands instead of the names that programs use. */
import { join } from "node:path";
import type { Command } from "commander";
import { beforeAll, expect, test } from "vitest";
import { makeProgram } from "../../src/cli/main.ts";
import type { Launchers, Terminal } from "../../src/cli/parts/context.ts";
import { withCommands } from "../../src/cli/parts/vocabulary.ts";
import { render } from "../../src/cli/views/views.ts";
import { operations } from "../../src/operations/index.ts";
import { failure, wrongUsage } from "../support/cct.ts";
import { root } from "../support/folders.ts";
import { newPeer } from "../support/peers.ts";
import { testWorld } from "../support/world.ts";
import { personWithBroker } from "./person.ts";

let me: Awaited<ReturnType<typeof personWithBroker>>;

beforeAll(async () => {
  me = await personWithBroker();
  await newPeer(me.broker, "ann");
});

function programWithOutput(): { program: Command; output(): string } {
  let text = "";
  const output = {
    write(more: string) {
      text += more;
    },
    writeNow() {},
    isOpen: async () => true,
    isTerminal: false,
  };
  const never = (): never => {
    throw new Error("not here");
  };
  const terminal: Terminal = {
    stdout: output,
    stderr: output,
    stdin: { read: never, line: never, lines: never, isTerminal: false },
    tty: never,
    onSignal: never,
    exit: never,
  };
  const launchers: Launchers = { startBroker: never, move: never, backUp: never, checkDatabase: never, restore: never };
  return { program: makeProgram(testWorld({}), terminal, launchers).program, output: () => text };
}

const allCommands = (command: Command): Command[] => [command, ...command.commands.flatMap(allCommands)];

/** Words as a shell splits them, without where it sends the output; quotes only around whole words. */
const shellWords = (line: string): string[] =>
  [...line.replace(/ > \S+$/, "").matchAll(/"([^"]*)"|(\S+)/g)].map((one) => one[1] ?? one[2] ?? "");

test("every example in a help is a command that exists, with options that it has", async () => {
  const { program, output } = programWithOutput();
  for (const command of allCommands(program)) command.outputHelp();
  const examples = [...output().matchAll(/^Example:\n {2}cct (.*)$/gm)].map((match) => match[1] ?? "");
  expect(examples.length).toBeGreaterThan(40);
  for (const example of examples) {
    const { program, output } = programWithOutput();
    for (const command of allCommands(program)) command.action(() => {});
    await program.parseAsync(shellWords(example), { from: "user" }).catch((error: Error) => {
      throw new Error(`cct ${example}: ${error.message} ${output()}`);
    });
  }
});

/** What programs call it: an operation of several words, or a tool. */
const programsNames = new RegExp(
  `\\b(?:cct_[a-z_]+|${operations
    .map(({ name }) => name)
    .filter((name) => name.includes("_"))
    .join("|")})\\b`,
);

test("no help names an operation or a tool", () => {
  const { program, output } = programWithOutput();
  for (const command of allCommands(program)) command.outputHelp();
  expect(programsNames.exec(output())?.[0]).toBe(undefined);
});

test("every operation that is a command has its command's name in texts", () => {
  for (const { name, cli } of operations.map((one): { name: string; cli?: string | undefined } => one))
    if (cli !== undefined && name.includes("_")) expect(withCommands(`See ${name}.`)).toMatch(/^See cct [a-z -]+\.$/);
  expect(withCommands("See list_peers, or cct_list_services.")).toBe("See cct peers, or cct service list.");
  expect(withCommands("There is no peer 'list_peers'.")).toBe("There is no peer 'list_peers'.");
});

test.each([
  [["send", "nobody", "hi"], /See cct peers\./],
  [["send", "@nowhere", "hi"], /See cct pools\./],
  [["pool", "status", "nowhere"], /See cct pools\./],
  [["message", "12345678"], /cct send/],
  [["service", "unregister", "nothing"], /See cct service list\./],
  [["release", "vote", "1234", "yes", "--as", "ann"], /./],
  [["unhold", "12345678"], /cct held/],
])("cct %j: the error names commands", async (words, hint) => {
  const { code, stderr } = await me.cct(...words);
  expect(code).toBe(1);
  expect(stderr).toMatch(hint);
  expect(programsNames.exec(stderr)?.[0]).toBe(undefined);
});

const BAD_ID = (argument: string, command: string): string =>
  `${argument} must be a message's id, or the short id that is shown for it (6 characters or more). See: cct ${command} --help`;

test.each<[string[], string | RegExp]>([
  [["send", "", "hi"], "<to> must not be empty. See: cct send --help"],
  [["send", "ann", "hi", "--expires-in-seconds", "0"], "--expires-in-seconds must be at least 1. See: cct send --help"],
  [["peers", "--pool", ""], "--pool must not be empty. See: cct peers --help"],
  [["messages", "--limit", "100000"], "--limit must be at most 500. See: cct messages --help"],
  [["peers", "--after", "x"], "--after is not the end of a page. Take it from the end of the page before."],
  [["policy", "--from", "ann", "--peer", "ann"], "--from needs a policy. Use one of: accept, hold, refuse, default."],
  [
    ["send", "--file", join(root, "package.json"), "--reply-to", "last"],
    /^<to> is missing\. With --reply-to: "last" it is needed/,
  ],
  [["message", "!"], BAD_ID("<message_id>", "message")],
  [["resend", "a b"], BAD_ID("<message_id>", "resend")],
  [["unhold", "é"], BAD_ID("<message_id>", "unhold")],
  [["inbox", "read", "1"], BAD_ID("<id>", "inbox read")],
  [["inbox", "reply", "1", "x"], BAD_ID("<id>", "inbox reply")],
  [["service", "register", "web", "http://x", "--ttl", "0"], /^--ttl must be .* See: cct service register --help$/],
])("cct %j is wrong usage, in the command's own words", async (words, what) => {
  const said = wrongUsage(await me.cct(...words));
  expect(said).toEqual(typeof what === "string" ? what : expect.stringMatching(what));
  expect(said).not.toMatch(/expected|received|Too small|Too big/);
});

test("an error that is no wrong usage names options, too", async () => {
  expect(failure(await me.cct("send", "ann", "hi", "--reply-to", "12345678"))).toContain("Leave --reply-to out");
});

test("service list says that there are others of another kind", async () => {
  await me.cct("service", "register", "web", "http://127.0.0.1:5999");
  expect((await me.cct("service", "list", "--kind", "nope")).stdout).toBe(
    "No service of kind nope is registered. All: cct service list\n",
  );
});

test("a note is shown whole on a narrow terminal", () => {
  const screen = {
    write() {},
    isOpen: async () => true,
    isTerminal: true,
    stderr: { write() {}, writeNow() {}, isTerminal: true },
    colour: false,
    columns: 80,
  };
  const text = `${"a long story ".repeat(12)}See: cct resend 1`;
  expect(render("notes", { notes: [{ at: 0, text }] }, screen, 0).replaceAll(/\s+/g, " ")).toContain(text);
});

test("the history names what --before needs", async () => {
  await me.cct("send", "ann", "older");
  const { messages } = JSON.parse((await me.cct("messages", "--limit", "1", "--json")).stdout);
  expect((await me.cct("messages", "--limit", "1")).stdout).toContain(`cct messages --before ${messages[0].seq}\n`);
});
