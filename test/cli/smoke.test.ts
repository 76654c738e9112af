/** Every command prints its usage and exits with 0; some as processes of the built program, all with `CCT_TEST_CLI=process`. */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { cct, success } from "../support/cct.ts";
import { cctHere } from "../support/cct-here.ts";
import { newPerson } from "./person.ts";

const person = newPerson();

/** The commands that a help text lists, and their subcommands. Every list follows the options. */
async function commandsBelow(...words: string[]): Promise<string[][]> {
  const help = success(await person.cct(...words, "--help"));
  if (!/^Usage: .*\[command\]$/m.test(help)) return [words];
  const [lists = ""] = help.slice(help.indexOf("-h, --help")).split("\nExample:\n");
  const listed = [...lists.matchAll(/^ {2}([a-z][a-z-]*)\b/gm)];
  const names = listed.map(([, name = ""]) => name).filter((name) => name !== "help");
  const below = await Promise.all(names.map((name) => commandsBelow(...words, name)));
  return [words, ...below.flat()];
}

const commands = await commandsBelow();

test("the list has commands and subcommands", () => {
  const lines = commands.map((words) => words.join(" "));
  expect(lines).toEqual(expect.arrayContaining(["", "up", "send", "mcp", "pool", "pool create", "service run"]));
});

/** Of the program itself, of a command made from an operation, of one that starts processes, and of a subcommand. */
const AS_PROCESS = ["cct", "cct send", "cct start", "cct mcp", "cct service run"];

test("those that run as processes exist", () => {
  expect(commands.map((words) => ["cct", ...words].join(" "))).toEqual(expect.arrayContaining(AS_PROCESS));
});

test.concurrent.each(commands.map((words) => ["cct", ...words].join(" ")))("%s --help", async (line) => {
  const [, ...words] = line.split(" ");
  const start = AS_PROCESS.includes(line) ? cct : cctHere;
  const run = await start([...words, "--help"], { env: person.env, cwd: person.home });
  expect(run).toMatchObject({ code: 0, stderr: "" });
  expect(run.stdout.split("\n")[0]).toMatch(new RegExp(`^Usage: ${line}(\\|[a-z]+)? ?([[<]|$)`));
  expect(existsSync(person.cctHome)).toBe(false);
});
