/** When the log of an SQLite file is written back to it: in moments without work, and never while a copy of the file is read. */
import { cpSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import { tempFolder } from "../support/folders.ts";
import { until } from "../support/wait.ts";

const WRITES = 320;

async function open(): Promise<{ file: string; store: Store; written: () => number }> {
  const file = join(tempFolder(), "cct.db");
  const store = await openSqlite(file);
  onTestFinished(() => store.close());
  await store.tx((sql) => sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)"));
  return { file, store, written: () => statSync(file).mtimeMs };
}

/** Fewer pages than those at which SQLite makes a checkpoint by itself. */
async function write(store: Store): Promise<void> {
  for (let i = 0; i < WRITES; i++)
    await store.tx((sql) => sql("INSERT INTO notes (text) VALUES ($1)", "x".repeat(2_000)));
}

test("a long log is written back when there is nothing to do: the file alone has everything then", async () => {
  const { file, store, written } = await open();
  const before = written();
  await write(store);
  await until("the log to be written back", () => written() > before);
  const copy = join(tempFolder(), "copy.db");
  cpSync(file, copy);
  const copied = await openSqlite(copy);
  onTestFinished(() => copied.close());
  expect(await copied.read((sql) => sql("SELECT count(*) AS notes FROM notes"))).toEqual([{ notes: WRITES }]);
});

test("a short log is not, and none while a copy of the file is read", async () => {
  const [short, copied, other] = [await open(), await open(), await open()];
  const before = short.written();
  await short.store.tx((sql) => sql("INSERT INTO notes (text) VALUES ('one')"));
  const snapshot = await copied.store.snapshot?.();
  const complete = copied.written();
  await write(copied.store);
  // This one has its moment later than the others would have theirs.
  const start = other.written();
  await write(other.store);
  await until("the log of the other to be written back", () => other.written() > start);
  expect(short.written()).toBe(before);
  expect(copied.written()).toBe(complete);
  snapshot?.release();
  await copied.store.tx((sql) => sql("INSERT INTO notes (text) VALUES ('last')"));
  await until("the log to be written back after the copy", () => copied.written() > complete);
});
