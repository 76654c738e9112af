/** A table of counters, for the conformance suite. */
import { onTestFinished } from "vitest";
import { integer } from "../../src/store/row.ts";
import type { Sql, Store } from "../../src/store/store.ts";

/** Opens a new, empty store. */
export type Open = () => Promise<Store>;

/** An empty store that is closed after the test. */
export async function emptyStore(open: Open): Promise<Store> {
  const opened = await open();
  onTestFinished(() => opened.close());
  return opened;
}

/** A store with a table of counters that start at 0. */
export async function countersIn(open: Open, ...ids: string[]): Promise<Store> {
  const opened = await emptyStore(open);
  await opened.tx(async (sql) => {
    await sql("CREATE TABLE counters (id TEXT PRIMARY KEY, n BIGINT)");
    for (const id of ids) await sql("INSERT INTO counters (id, n) VALUES ($1, $2)", id, 0);
  });
  return opened;
}

/** Reads and writes in two steps, so that lost updates are detected. */
export async function add(sql: Sql, id: string, by: number): Promise<void> {
  const n = await read(sql, id);
  await sql("UPDATE counters SET n = $2 WHERE id = $1", id, n + by);
}

export async function read(sql: Sql, id: string): Promise<number> {
  const [row] = await sql("SELECT n FROM counters WHERE id = $1", id);
  if (!row) throw new Error(`no counter ${id}`);
  return integer(row, "n");
}
