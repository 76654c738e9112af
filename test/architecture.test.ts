/**
 * The layers of the program. A room is a folder of src/ or a single file. Each row lists all that a room may import, and it
 * may only import rows above its own. So the table, read from top to bottom, describes the architecture.
 */
import { describe, expect, test } from "vitest";
import { besideOf, importsOf, packageOf, sources } from "./support/imports.ts";

interface Room {
  /** A path below src/, without `.ts`. A file belongs to the row with the longest matching name. */
  name: string;
  purpose: string;
  /** Other rooms; `types of <room>`: only `import type`, so nothing is loaded at run time; a `.json` file by its path. */
  uses: string[];
  /** Packages and node's modules; `node:*`: any of node's. */
  outside: string[];
}

function room(name: string, purpose: string, uses: string[], outside: string[] = []): Room {
  return { name, purpose, uses, outside };
}

const basics = ["platform/errors", "platform/issues", "platform/network", "platform/secrets", "platform/world"];
const platform = [...basics, "platform"];
const operations = ["operations", "operations/core", "operations/support", "operations/surface"];
const snapshot = "operations/surface/snapshot";
const [toolDefinitions, toolList] = ["operations/surface/tools", "operations/surface/tool-list"];
const repeatTable = "operations/surface/repeat-table";
/** Other rooms know the operations by type and by their list as plain data: they do not load the schemas. */
const typesOfOperations = operations.map((name) => `types of ${name}`);
const knowledgeOfOperations = [...typesOfOperations, snapshot];

const table: Room[] = [
  room("platform/errors", "the one error type; error code → HTTP status", []),
  room("platform/issues", "the words for an invalid value", []),
  room("platform/network", "loopback addresses", []),
  room("platform/secrets", "hashes of tokens and secrets", [], ["node:crypto"]),
  room(
    "platform/secret-patterns",
    "finds keys in texts",
    [],
    ["@secretlint/core", "@secretlint/secretlint-rule-preset-recommend"],
  ),
  room("platform/semaphore", "how many may do something at a time", []),
  room("platform/world", "time, ids, randomness and environment as values", []),
  room("platform", "home, settings, locks, processes", basics, ["node:*"]),

  room("rules", "decisions as pure functions: no I/O, no clock, no schema library", ["platform/errors"]),

  room(
    "store",
    "SQL statements and the interface of a store",
    ["rules", "platform/errors"],
    ["node:fs/promises", "node:path"],
  ),
  room(
    "store/drivers",
    "SQLite and PostgreSQL",
    ["store", "rules", "platform/errors", "platform/network", "platform/semaphore"],
    ["node:fs", "node:fs/promises", "node:module", "node:sqlite", "libsql", "pg", "pg-connection-string"],
  ),

  room(
    "operations/core",
    "declaration type and pipeline of operations",
    ["store", "rules", "platform/errors", "platform/issues", "platform/secrets"],
    ["zod"],
  ),
  room(
    "operations/support",
    "what several operations share",
    ["operations/core", "store", "rules", "platform/errors"],
    ["zod"],
  ),
  room(
    "operations",
    "each operation, declared once",
    ["operations/core", "operations/support", "store", "rules", "platform/errors", "platform/secrets"],
    ["zod"],
  ),
  room(
    "operations/surface",
    "what is generated from the list",
    [...operations.slice(0, 3), "rules", "platform/errors"],
    ["zod"],
  ),
  room(snapshot, "the list as plain data", ["types of operations/surface", "operations/surface/surface.json"]),
  room(toolDefinitions, "the MCP tools, made from the surface", ["types of operations/surface", "types of rules"]),
  room(toolList, "the fields of the tools as plain data", ["types of rules", "operations/surface/tool-fields.json"]),
  room(repeatTable, "which operations may be repeated, as plain data", [
    "types of operations/core",
    "operations/surface/repeatable.json",
  ]),

  room(
    "transfer",
    "moves all data to another database; backups",
    ["store/drivers", "store", "rules", ...platform],
    ["node:crypto", "node:fs", "node:path", "node:timers/promises"],
  ),

  room(
    "broker/streams",
    "event streams of peers, and the feed for people",
    ["types of operations/core", "operations/support", "types of store", "rules", "platform/semaphore"],
    ["node:http"],
  ),
  room(
    "broker/cluster",
    "hints and clock shared by the brokers of a database",
    [
      "types of broker/streams",
      "types of operations/core",
      "types of store/drivers",
      "store",
      "rules",
      "platform/world",
    ],
    ["pino"],
  ),
  room("broker/clock", "whether the clock may be believed", ["rules"], ["pino"]),
  room(
    "broker/operator",
    "health, status, metrics",
    [
      "types of broker/clock",
      "types of broker/cluster",
      "types of broker/streams",
      "types of operations/core",
      "types of operations/surface",
      "store",
      "rules",
      "platform/errors",
    ],
    ["prom-client", "pino"],
  ),
  room(
    "broker/http",
    "listeners, authentication, routes, the page's files and logins",
    ["types of broker/operator", "types of broker/streams", ...operations, "store", "rules", ...platform],
    ["node:*", "pino", "@peculiar/x509", "reflect-metadata"],
  ),
  room(
    "broker/notify",
    "tells a person outside of CCT what needs them",
    ["types of operations/core", "operations/support", "store", "rules", "platform/secret-patterns", ...platform],
    ["node:http", "node:https", "pino"],
  ),
  room(
    "broker/background",
    "sweep, retention and notifications",
    [
      "broker/notify",
      "types of broker/clock",
      "types of broker/operator",
      "operations/core",
      "operations/support",
      "store",
      "rules",
      ...platform,
    ],
    ["node:fs", "node:timers/promises", "pino"],
  ),
  room(
    "broker",
    "starts and stops the broker",
    [
      "broker/background",
      "broker/notify",
      "broker/http",
      "broker/operator",
      "broker/clock",
      "broker/cluster",
      "broker/streams",
      "operations/core",
      "types of operations/surface",
      "store/drivers",
      "store",
      "rules",
      ...platform,
    ],
    ["node:fs", "node:path", "pino", "rotating-file-stream"],
  ),

  room(
    "hosts",
    "the coding agents: who a session is, what their hooks speak",
    ["rules", ...platform],
    ["node:*", "ws"],
  ),
  room(
    "client",
    "calls a broker; knows its operations by type only",
    [...typesOfOperations, repeatTable, "rules", "platform/secret-patterns", ...platform],
    ["node:*", "eventsource-parser"],
  ),
  room(
    "session",
    "the MCP server of a session",
    ["client", "hosts", "rules", ...typesOfOperations, toolDefinitions, toolList, ...platform],
    ["node:*"],
  ),
  room("opencode", "the plugin that runs in OpenCode, and calls session servers", ["hosts", "rules"], ["node:*"]),
  room(
    "page",
    "the page in the browser; asks the broker by HTTP, and knows the operations by type only",
    ["rules", ...typesOfOperations],
    ["@preact/signals", "eventsource-parser", "lucide", "preact", "virtua"],
  ),
  room(
    "host",
    "installs into the host, and knows its files",
    ["hosts", "rules", ...platform],
    ["node:*", "jsonc-parser"],
  ),
  room(
    "cli/parts",
    "output, input and callers",
    ["client", "hosts", "rules", ...knowledgeOfOperations, ...platform],
    ["node:*", "@modelcontextprotocol/sdk", "fast-string-truncated-width", "qr"],
  ),
  room("watch", "the terminal UI: what is known → rows of the screen; keys → operations", [
    "cli/parts",
    "client",
    "rules",
    ...typesOfOperations,
    ...platform,
  ]),
  room("cli/views", "answers as text", ["cli/parts", "types of client", "rules", ...knowledgeOfOperations]),
  room(
    "cli/commands",
    "the commands",
    ["cli/views", "cli/parts", "watch", "client", "host", "rules", ...knowledgeOfOperations, ...platform],
    ["node:*", "commander"],
  ),
  room(
    "cli",
    "the command line",
    ["cli/commands", "cli/parts", "hosts", "rules", ...platform],
    ["node:fs", "node:readline", "node:tty", "commander"],
  ),
  room(
    "bin",
    "reads arguments, environment and clock, and starts one part",
    ["session", "cli", "broker", "transfer", "platform/world", "platform"],
    ["node:*"],
  ),
];

const files = sources().map((file) => ({ ...file, room: roomOf(file.name) }));

function roomOf(file: string): string {
  const matching = table.filter(({ name }) => file === `${name}.ts` || file.startsWith(`${name}/`));
  return matching.sort((a, b) => b.name.length - a.name.length)[0]?.name ?? `no room for ${file}`;
}

/** What a file imports, in the table's words: a room, the types of a room, a JSON file, or something outside. */
function usedBy(file: (typeof files)[number]): string[] {
  return importsOf(file.code).flatMap(({ from, onlyTypes }) => {
    if (!from.startsWith(".")) return [packageOf(from)];
    const path = besideOf(file.name, from);
    if (!/\.tsx?$/.test(path)) return [path];
    const other = roomOf(path);
    if (other === file.room) return [];
    return [onlyTypes ? `types of ${other}` : other];
  });
}

const withoutPrefix = (name: string): string => name.replace(/^types of /, "");

function isAllowed({ uses, outside }: Room, used: string): boolean {
  if (used.startsWith("node:") && outside.includes("node:*")) return true;
  return outside.includes(used) || uses.includes(used) || uses.includes(withoutPrefix(used));
}

describe("a room imports only what its row lists", () => {
  test.each(table)("$name: $purpose", (row) => {
    const wrong = files
      .filter((file) => file.room === row.name)
      .flatMap((file) => usedBy(file).map((used) => ({ file: file.name, used })))
      .filter(({ used }) => !isAllowed(row, used));
    expect(wrong).toEqual([]);
  });
});

describe("the table", () => {
  test("has a row for every file, and a file for every row", () => {
    expect([...new Set(files.map((file) => file.room))].sort()).toEqual(table.map((row) => row.name).sort());
  });

  test("lists only rows above, so that there are no circles", () => {
    for (const [i, row] of table.entries()) {
      const above = table.slice(0, i).map((one) => one.name);
      for (const used of row.uses.filter((name) => !name.endsWith(".json")))
        expect(above).toContain(withoutPrefix(used));
    }
  });

  test("allows nothing that is not used", () => {
    const unused = table.flatMap((row) => {
      const used = files.filter((file) => file.room === row.name).flatMap(usedBy);
      const isUsed = (name: string): boolean =>
        used.some((one) => [one, withoutPrefix(one), one.replace(/^node:.*/, "node:*")].includes(name));
      // These groups are allowed as a whole.
      const shared = ["rules", ...platform, ...operations, ...knowledgeOfOperations];
      return [...row.uses.filter((name) => !shared.includes(name)), ...row.outside]
        .filter((name) => !isUsed(name))
        .map((name) => `${row.name}: ${name}`);
    });
    expect(unused).toEqual([]);
  });
});

test("only bin.ts, and in the browser page/world.ts, read the clock, randomness and the environment", () => {
  const reads =
    /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bMath\.random\b|\brandom(?:UUID|Bytes)\b|\bprocess\.(?:env|argv)\b/g;
  const wrong = files
    .filter((file) => file.name !== "bin.ts" && file.name !== "page/world.ts")
    .flatMap((file) => [...file.code.matchAll(reads)].map(([found]) => `${file.name}: ${found}`));
  expect(wrong).toEqual([]);
});

test("the search for imports finds those of bin.ts", () => {
  expect(files.filter(({ name }) => name === "bin.ts").flatMap(usedBy)).toEqual(
    expect.arrayContaining(["session", "cli", "broker", "node:crypto"]),
  );
});
