/** The help of `cct`: groups, short lines, examples. */
import { expect, test } from "vitest";
import { success } from "../support/cct.ts";
import { newPerson } from "./person.ts";

const person = newPerson();
const help = async (...words: string[]): Promise<string> => success(await person.cct(...words, "--help"));

/** The names below the headings of a help text. */
const listed = (text: string): string[] =>
  [...text.slice(text.indexOf("-h, --help")).matchAll(/^ {2}([a-z][a-z-]*)\b/gm)].map(([, name = ""]) => name);

test("commands are listed under headings, one short line each", async () => {
  const text = await help();
  const headings = ["Set up:", "Messages:", "Working together:", "Broker:", "Other machines:", "More:"];
  expect(headings.map((heading) => text.indexOf(`\n${heading}\n`))).toEqual(
    headings.map((heading) => expect.toSatisfy((at: number) => at > 0, heading)),
  );
  expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  // Nothing wraps: each command takes one line.
  expect(text.split("\n").filter((line) => /^ {10}/.test(line))).toEqual([]);
  expect(listed(text)).toEqual(expect.arrayContaining(["up", "send", "pools", "service", "start", "join", "mcp"]));
});

test("every command describes itself in full, with an example whose options exist", { timeout: 900_000 }, async () => {
  for (const name of listed(await help())) {
    if (["mcp", "help"].includes(name)) continue;
    const text = await help(name);
    const [, commands = ""] = /\n(Commands:\n[\s\S]*?)(?:\n\n|$)/.exec(text) ?? [];
    const inner = listed(`-h, --help\n${commands}`).filter((one) => one !== "help");
    // `peers` is a command and has commands.
    const own = inner.length === 0 || text.includes("\nExample:\n") ? [[name]] : [];
    for (const words of [...own, ...inner.map((one) => [name, one])]) {
      const full = await help(...words);
      expect(full, words.join(" ")).toMatch(new RegExp(`\nExample:\n  cct ${words.join(" ")}( |\n|$)`));
      const [before = "", example = ""] = full.split("\nExample:\n");
      for (const [option] of example.matchAll(/ --[a-z-]+/g)) expect(before, example).toContain(option);
      expect(
        full.split("\n").filter((line) => line.length > 80),
        words.join(" "),
      ).toEqual([]);
    }
  }
});

test("`cct help <command>` works too", async () => {
  expect(success(await person.cct("help", "send"))).toBe(await help("send"));
});
