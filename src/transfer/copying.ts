/** Reading, clearing and writing whole tables, a batch at a time, so that it takes little memory and may be broken off. */
import { createHash } from "node:crypto";
import { CctError } from "../platform/errors.ts";
import { type Move, type MovedTable, type MoveProgress, rowText } from "../rules/moves.ts";
import type { Row, Store, Value } from "../store/store.ts";
import { keyOf, lastKey, putRows, removeSome, rowsAfter, type Table, tables } from "../store/tables.ts";

/** Rows in one statement. SQLite takes 32,766 values in one: no table may have more than 65 columns. */
const BATCH = 500;

export type Pace = Pick<Move, "report" | "stopped">;

/** Reads all tables: how many rows they have, and their checksums. */
export async function readAll(store: Store, pace: Pace, of?: number): Promise<MovedTable[]> {
  const step = steps(pace, of === undefined ? "reading" : "checking", of);
  const read: MovedTable[] = [];
  for (const table of tables) {
    const hash = createHash("sha256");
    let count = 0;
    for await (const rows of batches(store, table)) {
      const columns = Object.keys(rows[0] ?? {}).sort();
      const text = rows.map((row) => rowText(columns.map((column) => row[column] ?? null))).join("");
      hash.update(text);
      count += rows.length;
      step(rows.length);
    }
    read.push({ name: table.name, rows: count, checksum: hash.digest("hex") });
  }
  return read;
}

/** Takes all rows away, those first that refer to others. */
export async function clearAll(store: Store, pace: Pace): Promise<void> {
  const step = steps(pace, "clearing");
  for (const table of tables.toReversed()) {
    for (let gone = BATCH; gone === BATCH; step(gone))
      gone = await store.tx((sql) => removeSome(sql, table, BATCH), "snapshot");
  }
}

/** Copies all rows, in the order of their keys; what an earlier run has brought over is passed over. */
export async function copyAll(source: Store, target: Store, pace: Pace, of: number): Promise<void> {
  const step = steps(pace, "writing", of);
  for (const table of tables) {
    let last = await target.look((sql) => lastKey(sql, table));
    for await (const rows of batches(source, table)) {
      const isThere = last !== undefined && !rows.some((row) => sameKey(keyOf(table, row), last));
      if (!isThere) {
        last = undefined;
        await target.tx((sql) => putRows(sql, table, rows), "snapshot");
      }
      step(rows.length);
    }
  }
}

/** The rows of a table in the order of their keys. */
async function* batches(store: Store, table: Table): AsyncGenerator<Row[]> {
  let after: Value[] | undefined;
  for (;;) {
    const rows = await store.look((sql) => rowsAfter(sql, table, after, BATCH));
    const last = rows.at(-1);
    if (!last) return;
    yield rows;
    if (rows.length < BATCH) return;
    after = keyOf(table, last);
  }
}

const sameKey = (one: Value[], other: Value[] | undefined): boolean => one.every((part, i) => part === other?.[i]);

/** Tells how far a step has come, and ends it when that is wished. */
function steps({ report, stopped }: Pace, doing: MoveProgress["doing"], of?: number): (rows: number) => void {
  let done = 0;
  return (rows) => {
    done += rows;
    report({ doing, rows: done, ...(of !== undefined && { of }) });
    if (stopped())
      throw new CctError(
        "unavailable",
        `Stopped while ${doing}, at row ${done}${of === undefined ? "" : ` of ${of}`}.`,
        "Repeat the same command: it goes on where it was.",
      );
  };
}
