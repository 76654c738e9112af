/**
 * A process that uses a store, for tests that kill it, lock it out, or fill its disk:
 *
 *     child.mjs write <file>   writes until killed; prints each number after its commit
 *     child.mjs hold <file>    opens, prints "open", and keeps running
 *     child.mjs fill <file>    writes while the disk is full and afterwards; prints the results as JSON
 *     child.mjs count <file>   prints the number of rows
 */
import { appendFileSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { CctError } from "../../src/platform/errors.ts";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { integer } from "../../src/store/row.ts";
import type { Store } from "../../src/store/store.ts";

const [what, file = ""] = process.argv.slice(2);
const print = (line: string): void => void writeSync(1, `${line}\n`);

const insert = (store: Store, id: number, size: number): Promise<unknown> =>
  store.tx((sql) => sql("INSERT INTO written (id, text) VALUES ($1, $2)", id, "x".repeat(size)));

const count = (store: Store): Promise<number> =>
  store.tx(async (sql) => {
    const [row] = await sql("SELECT count(*) AS n FROM written");
    return row ? integer(row, "n") : -1;
  });

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error: unknown) => (error instanceof CctError ? error.code : String(error)),
  );

async function opened(): Promise<Store> {
  const store = await openSqlite(file);
  await store.tx((sql) => sql("CREATE TABLE IF NOT EXISTS written (id BIGINT PRIMARY KEY, text TEXT NOT NULL)"));
  return store;
}

async function write(): Promise<void> {
  const store = await opened();
  // Several at once, so that the kill also interrupts group commits.
  for (let id = 0; ; id += 5) {
    await Promise.all([0, 1, 2, 3, 4].map((i) => insert(store, id + i, 200).then(() => print(String(id + i)))));
  }
}

async function hold(): Promise<void> {
  await opened();
  print("open");
  setInterval(() => {}, 1000);
}

async function fill(): Promise<void> {
  const store = await opened();
  for (let id = 0; id < 20; id++) await insert(store, id, 1000);
  const filler = join(dirname(file), "filler");
  for (let size = 256 * 1024; size >= 1; size = Math.floor(size / 4)) {
    try {
      for (;;) appendFileSync(filler, "f".repeat(size));
    } catch {
      // No space left for a piece of this size.
    }
  }
  const alone = await codeOf(insert(store, 100, 300_000));
  const [neighbour, big, other] = await Promise.all([
    codeOf(insert(store, 101, 300_000)),
    codeOf(insert(store, 102, 300_000)),
    codeOf(insert(store, 103, 300_000)),
  ]);
  const whileFull = await count(store);
  rmSync(filler);
  const after = await codeOf(insert(store, 200, 300_000));
  const [check] = await store.tx((sql) => sql("PRAGMA integrity_check"));
  await store.close();
  print(JSON.stringify({ alone, together: [neighbour, big, other], whileFull, after, check }));
}

async function show(): Promise<void> {
  const store = await openSqlite(file);
  print(String(await count(store)));
  await store.close();
}

const tasks = new Map([
  ["write", write],
  ["hold", hold],
  ["fill", fill],
  ["count", show],
]);
await tasks.get(what ?? "")?.();
