/** What a session server loads: it runs once per session, so libraries that others need stay out of its process. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/folders.ts";

/** The text of a module of dist/ and of all that it imports at its start. */
function loaded(name: string, seen = new Map<string, string>()): Map<string, string> {
  const path = join(root, "dist", name);
  if (seen.has(path)) return seen;
  const text = readFileSync(path, "utf8");
  seen.set(path, text);
  for (const [, , from = ""] of text.matchAll(/(?:^|[;\n}])(?:import|export)\b([^"'();]*?from)?\s*"(\.[^"]+)"/g))
    loaded(join(dirname(name), from), seen);
  return seen;
}

const textOf = (name: string): string => [...loaded(name).values()].join("\n");

/** Words that only this library's code has, and a file that has it. */
const libraries: [library: string, words: RegExp, elsewhere: string][] = [
  ["zod", /\bZodError\b|invalid_union/, "broker.mjs"],
  ["the HTTP log", /pino/, "broker.mjs"],
  ["commander", /CommanderError/, "cli.mjs"],
];

/** Program and session server are one file, which loads others of dist/ only on demand. */
const program = readFileSync(join(root, "dist/bin.js"), "utf8");

test.each(libraries)("a session server loads no %s", (_library, words, elsewhere) => {
  expect(textOf(elsewhere)).toMatch(words);
  expect(program).not.toMatch(words);
});

test("a session server loads neither the MCP SDK nor ajv, nor any other file at its start", () => {
  expect(program).not.toMatch(/modelcontextprotocol|JSONRPC|\bajv\b|Ajv|\brequire\("\./);
});

test("what a session server loads is small", () => {
  expect(Buffer.byteLength(program)).toBeLessThan(136 * 1024);
});

test("what a session server or a broker loads later has the same name in every version", () => {
  for (const name of [
    "others.mjs",
    "broker.mjs",
    ...readdirSync(join(root, "dist")).filter((one) => /^[a-z]+-[a-z]+\.mjs$/.test(one)),
  ]) {
    const later = [...textOf(name).matchAll(/\bimport\("(\.[^"]+)"\)/g)].map(([, path = ""]) => basename(path));
    expect(later.filter((one) => !/^[a-z]+(-[a-z]+)?\.mjs$/.test(one))).toEqual([]);
  }
  expect(textOf("others.mjs")).toMatch(/\bimport\("\.\.?\/[^"]*codex-wake\.mjs"\)/);
});
