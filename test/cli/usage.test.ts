/** Help, version, and errors for wrong usage. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test as inTurn } from "vitest";
import { success } from "../support/cct.ts";
import { root } from "../support/folders.ts";
import { newPerson } from "./person.ts";

// Each test has a home of its own, so that they may run side by side.
const test = inTurn.concurrent;

const person = newPerson();

test("--version prints the package's version", async () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  expect(success(await person.cct("--version"))).toBe(`${version}\n`);
  expect(success(await person.cct("-V"))).toBe(`${version}\n`);
});

test("help lists every command, and every command has help of its own", { timeout: 900_000 }, async () => {
  const help = success(await person.cct("--help"));
  expect(success(await person.cct())).toBe(help);
  expect(success(await person.cct("help"))).toBe(help);
  const named = [...help.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map((match) => match[1] ?? "");
  const commands = named.filter((command) => command !== "help");
  expect(commands).toEqual(
    expect.arrayContaining(["up", "install", "start", "kill", "send", "peers", "doctor", "demo"]),
  );
  for (const command of commands) expect(success(await person.cct(command, "--help"))).toContain(`cct ${command}`);
  expect(existsSync(person.cctHome)).toBe(false);
});

test.each([
  ["frobnicate"],
  ["--nope"],
  ["send"],
  ["send", "ben"],
  ["send", "ben", "hello", "there"],
  ["send", "ben", "hello", "--urgency", "loud"],
  ["send", "ben", "hello", "--expires-in-seconds", "soon"],
  ["message"],
  ["messages", "--limit", "x"],
  ["messages", "--limit", "-3"],
  ["messages", "--limit"],
  ["peers", "more"],
  ["peers", "--jsn"],
  ["start", "--port"],
  ["install", "--force"],
  ["config", "set"],
  ["config", "frobnicate"],
  ["mcp", "more"],
  ["help", "nope"],
  ["help", "pool", "nope"],
  ["nope", "--help"],
  ["pool", "nope", "-h"],
  ["pool", "frobnicate"],
  ["start", "--port", "abc"],
  ["start", "--port", "70000"],
  ["lan-start", "--port", "70000"],
])("cct %s %s: wrong usage exits with 2, says why, and does nothing", async (...words) => {
  const run = await person.cct(...words.filter((word) => word !== undefined));
  expect(run).toMatchObject({ code: 2, stdout: "" });
  expect(run.stderr).toMatch(/^cct: [^\n]{1,300}\n$/);
  expect(run.stderr).not.toMatch(/\n\s+at /);
  expect(existsSync(person.cctHome)).toBe(false);
});

test("wrong usage names the help of the command that was meant", async () => {
  expect((await person.cct("send", "ben")).stderr).toBe(
    "cct: The text is missing: quote it, or use --file <path>, or - for standard input; before one that begins with a dash, write --. See: cct send --help\n",
  );
  expect((await person.cct("pool", "join", "--jsno")).stderr).toMatch(/See: cct pool join --help\n$/);
  expect((await person.cct("help", "pool", "nope")).stderr).toMatch(
    /^cct: unknown command 'nope'\. cct pool has: .*\. See: cct pool --help\n$/,
  );
});

test.each([
  [["policy", "maybe"], "<policy> cannot be 'maybe': choose accept, hold, refuse or default."],
  [["export", "--format", "xml"], "--format cannot be 'xml': choose jsonl or md."],
  [["notify", "foo"], "unknown command 'foo'. cct notify has: status, watch, test."],
  [["config", "get", "port"], "unknown command 'get'. cct config has: show, set."],
  [["peers", "foo"], "unknown command 'foo'. cct peers has:"],
  [["pool", "foo"], "unknown command 'foo'. cct pool has:"],
  [["peers", "history", "a", "b"], "'a b' is more than cct peers history takes."],
  [["kill", "it"], "'it' is more than cct kill takes."],
  [["send", "ben", "hello", "there"], "'there' is more than cct send takes. Quote what has spaces."],
  [["mute"], "<peer> is missing."],
])("%j: what is wrong, and what there is instead, in words of this program", async (words, said) => {
  const { stderr } = await person.cct(...words);
  expect(stderr.slice(0, 5 + said.length)).toBe(`cct: ${said}`);
  expect(stderr).not.toMatch(/too many arguments|Allowed choices|command-argument/);
});

test("help shows the command that was named, also one in a group", async () => {
  expect(success(await person.cct("help", "pool", "create"))).toBe(
    success(await person.cct("pool", "create", "--help")),
  );
});
