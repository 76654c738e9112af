/** Reads, deletes and copies whole tables in batches, so that it needs little memory and can be stopped at any time. */
import { createHash } from "node:crypto";
import { CctError } from "../platform/errors.ts";
import { type Move, type MovedTable, type MoveProgress, rowText } from "../rules/moves.ts";
import type { Row, Store, Value } from "../store/store.ts";
import { deleteSome, insertRows, keyOf, lastKey, rowsAfter, type Table, tables } from "../store/tables.ts";

/** Rows per statement. SQLite allows 32,766 values in one, so no table may have more than 65 columns. */
const BATCH = 500;

type Control = Pick<Move, "report" | "stopped">;

/** Counts the rows of all tables and computes their checksums. */
export async function readAll(store: Store, control: Control, of?: number): Promise<MovedTable[]> {
  const step = progress(control, of === undefined ? "reading" : "checking", of);
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

/** Deletes all rows; rows that refer to others first. */
export async function clearAll(store: Store, control: Control): Promise<void> {
  const step = progress(control, "clearing");
  for (const table of tables.toReversed()) {
    for (let deleted = BATCH; deleted === BATCH; step(deleted))
      deleted = await store.tx((sql) => deleteSome(sql, table, BATCH), "snapshot");
  }
}

/** Copies all rows in the order of their keys. Skips what an earlier run has copied. */
export async function copyAll(source: Store, target: Store, control: Control, of: number): Promise<void> {
  const step = progress(control, "writing", of);
  for (const table of tables) {
    let last = await target.read((sql) => lastKey(sql, table));
    for await (const rows of batches(source, table)) {
      const isThere = last !== undefined && !rows.some((row) => sameKey(keyOf(table, row), last));
      if (!isThere) {
        last = undefined;
        await target.tx((sql) => insertRows(sql, table, rows), "snapshot");
      }
      step(rows.length);
    }
  }
}

/** The rows of a table in the order of their keys. */
async function* batches(store: Store, table: Table): AsyncGenerator<Row[]> {
  let after: Value[] | undefined;
  for (;;) {
    const rows = await store.read((sql) => rowsAfter(sql, table, after, BATCH));
    const last = rows.at(-1);
    if (!last) return;
    yield rows;
    if (rows.length < BATCH) return;
    after = keyOf(table, last);
  }
}

const sameKey = (one: Value[], other: Value[] | undefined): boolean => one.every((part, i) => part === other?.[i]);

/** Returns a function that reports progress after each batch, and throws if the move is to stop. */
function progress({ report, stopped }: Control, doing: MoveProgress["doing"], of?: number): (rows: number) => void {
  let done = 0;
  return (rows) => {
    done += rows;
    report({ doing, rows: done, ...(of !== undefined && { of }) });
    if (stopped())
      throw new CctError(
        "unavailable",
        `Stopped while ${doing}, at row ${done}${of === undefined ? "" : ` of ${of}`}.`,
        "Repeat the same command: it continues where it stopped.",
      );
  };
}
