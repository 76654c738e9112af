/**
 * The architecture, as a table that holds. A room is a folder of src/, a file at its root, or a file
 * of `platform/`. A row uses only what stands
 * in it, and only rows above its own: read from top to bottom, that is the whole program.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "./support/folders.ts";

interface Room {
  name: string;
  is: string;
  /** Rooms that it uses: by name, one file of a room by its path, or a room for its types alone (gone at run time). */
  uses: string[];
  /** Packages, and modules of node; `node:*` is any of these. */
  outside: string[];
}

const room = (name: string, is: string, uses: string[], outside: string[] = []): Room => ({ name, is, uses, outside });

const platform = ["errors", "world", "process", "home", "lock", "config"].map((name) => `platform/${name}`);
const snapshot = "operations/surface/snapshot";
/** Others know the operations by their types and by their list as plain data, so that they start without zod. */
const knowledgeOfOperations = ["types of operations", snapshot];

const table: Room[] = [
  room("platform/errors", "the one error type, and the table from its code to an HTTP status", []),
  room("platform/world", "what enters at bin.ts: time, ids, environment", []),
  room("platform/process", "what can be known of another process", ["platform/errors"], ["node:*"]),
  room("platform/home", "where things lie in the home, and that it is ours alone", ["platform/errors"], ["node:*"]),
  room(
    "platform/lock",
    "one holder at a time, among processes",
    ["platform/errors", "platform/world", "platform/process", "platform/home"],
    ["node:*"],
  ),
  room(
    "platform/config",
    "the settings, one schema",
    ["platform/errors", "platform/world", "platform/home"],
    ["node:*", "zod"],
  ),
  room("platform/settings-page", "the settings as a page of the documentation", ["platform/config"], ["zod"]),

  room("rules", "what must hold, as pure functions: no I/O, no clock, no schema library", ["platform/errors"]),
  room(
    "store",
    "the truth: transactions and statements; the only room that knows a database",
    ["rules", "platform/errors"],
    ["node:fs/promises", "node:module", "node:path", "node:sqlite", "libsql", "pg", "pg-connection-string"],
  ),
  room("operations", "each capability, declared once", ["store", "rules", "platform/errors"], ["zod", "node:crypto"]),
  room(snapshot, "the list of operations as plain data", ["types of operations", "operations/surface/surface.json"]),

  room(
    "transfer",
    "moves all data from one database to another",
    ["store", "rules", ...platform],
    ["node:crypto", "node:fs", "node:path"],
  ),
  room(
    "broker",
    "the process that serves the operations over HTTP",
    ["operations", "store", "rules", ...platform],
    ["node:*", "pino", "prom-client", "rotating-file-stream", "@peculiar/x509", "reflect-metadata"],
  ),
  room(
    "client",
    "calls a broker; knows its operations by type, and nothing of how it works",
    [...knowledgeOfOperations, "rules", ...platform],
    ["node:*", "eventsource-parser", "@secretlint/core", "@secretlint/secretlint-rule-preset-recommend"],
  ),
  room(
    "session",
    "the MCP server of one session",
    ["client", "rules", ...knowledgeOfOperations, ...platform],
    ["node:*", "@modelcontextprotocol/sdk"],
  ),
  room("host", "installs into the host, and knows its files", ["rules", ...platform], ["node:*", "jsonc-parser"]),
  room(
    "cli",
    "the command for people",
    ["client", "host", "rules", ...knowledgeOfOperations, ...platform],
    ["node:*", "commander"],
  ),
  room(
    "bin",
    "reads arguments, environment and clock, and starts one of the parts",
    ["session", "cli", "broker", "transfer", "platform/world"],
    ["node:*"],
  ),
];

/**
 * Time and environment enter here and travel as values, so that everything else does the same thing every time.
 * (`new Date(x)` for a given x is no clock.)
 */
const readersOfClockAndEnvironment = ["bin.ts"];

const src = join(root, "src");
const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({ name, room: roomOf(name), code: withoutComments(readFileSync(join(src, name), "utf8")) }));

function roomOf(file: string): string {
  if (file === `${snapshot}.ts`) return snapshot;
  const [first = "", second = ""] = file.split("/");
  return first === "platform" ? `platform/${basename(second, ".ts")}` : basename(first, ".ts");
}

function withoutComments(code: string): string {
  return code.replace(/^\s*\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}

interface Import {
  from: string;
  onlyTypes: boolean;
}

/** Static, dynamic, re-exporting and type imports, and `require`. */
function importsOf(code: string): Import[] {
  const statements = code.matchAll(/^(import|export)( type\b)?(?: [^"';]*? from)? "([^"\n]+)"/gm);
  const calls = code.matchAll(/\b(?:import|require)\("([^"\n]+)"\)/g);
  return [
    ...[...statements].map(([, , type, from = ""]) => ({ from, onlyTypes: type !== undefined })),
    ...[...calls].map(([, from = ""]) => ({ from, onlyTypes: false })),
  ];
}

/** What a file imports in the table's words: a room, a file of a room, the types of a room, or something outside. */
function usedBy(file: (typeof files)[number]): string[] {
  return importsOf(file.code).flatMap(({ from, onlyTypes }) => {
    if (!from.startsWith(".")) return [packageOf(from)];
    const path = relative(src, resolve(src, dirname(file.name), from));
    const other = roomOf(path);
    if (other === file.room) return [];
    if (!path.endsWith(".ts")) return [path];
    return [onlyTypes ? `types of ${other}` : other];
  });
}

function packageOf(from: string): string {
  if (from.startsWith("node:")) return from;
  return from
    .split("/")
    .slice(0, from.startsWith("@") ? 2 : 1)
    .join("/");
}

function isAllowed({ uses, outside }: Room, used: string): boolean {
  if (used.startsWith("node:") && outside.includes("node:*")) return true;
  // Who may use a room may use its types.
  return outside.includes(used) || uses.includes(used) || uses.includes(used.replace(/^types of /, ""));
}

describe("the rooms of the program", () => {
  test.each(table)("$name: $is", (row) => {
    const wrong = files
      .filter((file) => file.room === row.name)
      .flatMap((file) => usedBy(file).map((used) => ({ file: file.name, used })))
      .filter(({ used }) => !isAllowed(row, used));
    expect(wrong).toEqual([]);
  });

  test("are all in the table", () => {
    expect([...new Set(files.map((file) => file.room))].sort()).toEqual(table.map((row) => row.name).sort());
  });

  test("use only rooms above them, so that nothing goes in circles", () => {
    for (const [i, row] of table.entries()) {
      const above = table.slice(0, i).map((one) => one.name);
      for (const used of row.uses)
        expect(above).toContain(used.endsWith(".json") ? roomOf(used) : used.replace(/^types of /, ""));
    }
  });

  test("need what the table lets them have: a permission that nobody uses is gone", () => {
    const unused = table.flatMap((row) => {
      const used = new Set(files.filter((file) => file.room === row.name).flatMap(usedBy));
      // The rules and the foundations are everybody's.
      const offered = [...row.uses.filter((name) => name !== "rules" && !platform.includes(name)), ...row.outside];
      const isUsed = (name: string) =>
        used.has(name) ||
        used.has(`types of ${name}`) ||
        (name === "node:*" && [...used].some((one) => one.startsWith("node:")));
      return offered.filter((name) => !isUsed(name)).map((name) => `${row.name}: ${name}`);
    });
    expect(unused).toEqual([]);
  });
});

describe("the clock and the environment", () => {
  test("are read at the entrance only", () => {
    const wrong = files
      .filter((file) => !readersOfClockAndEnvironment.includes(file.name))
      .flatMap((file) =>
        [...file.code.matchAll(/\bDate\.now\b|\bnew Date\(\)|\bprocess\.(?:env|argv)\b/g)].map(
          ([found]) => `${file.name}: ${found}`,
        ),
      );
    expect(wrong).toEqual([]);
  });
});

describe("this test", () => {
  test("understands every way to import", () => {
    const code = `
import "./side-effect.ts";
import a from "./default.ts";
import { b, type C } from "./named.ts";
import {
  long,
  list,
} from "./lines.ts";
import * as d from "./all.ts";
import type { E } from "./type.ts";
import data from "./data.json" with { type: "json" };
export { f } from "./again.ts";
export type { G } from "./again-type.ts";
const h = await import("./dynamic.ts");
const i = require("package");
const no = "import x from 'nowhere'";
// import x from "./comment.ts";
type J = import("./inline.ts").J;
`;
    expect(importsOf(withoutComments(code))).toEqual([
      { from: "./side-effect.ts", onlyTypes: false },
      { from: "./default.ts", onlyTypes: false },
      { from: "./named.ts", onlyTypes: false },
      { from: "./lines.ts", onlyTypes: false },
      { from: "./all.ts", onlyTypes: false },
      { from: "./type.ts", onlyTypes: true },
      { from: "./data.json", onlyTypes: false },
      { from: "./again.ts", onlyTypes: false },
      { from: "./again-type.ts", onlyTypes: true },
      { from: "./dynamic.ts", onlyTypes: false },
      { from: "package", onlyTypes: false },
      { from: "./inline.ts", onlyTypes: false },
    ]);
  });

  test("finds the imports that are there", () => {
    const entrance = files.find((file) => file.name === "bin.ts");
    expect(entrance && usedBy(entrance)).toEqual(expect.arrayContaining(["session", "cli", "broker", "node:crypto"]));
  });
});
