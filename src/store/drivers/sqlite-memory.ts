/**
 * Remembers what small reads of small tables returned, until the table is written. Exact: one process holds the file, and all
 * of its statements come by here. A send reads two peers and a policy, and with `libsql` the call costs more than the read.
 */
import type { Row, Value } from "../store.ts";

/** Read for almost every request, and written far less often. */
const TABLES = new Set(["peers", "policies", "devices"]);
/** Only this table, found by `WHERE`: no join, no subquery, no union. */
const ONE_TABLE = /^SELECT [\w, ]+ FROM (\w+) WHERE (?!.*\bSELECT\b)/s;
const WRITE = /^(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)/;
/** What changes no rows. Anything else does, such as a rollback. */
const NO_CHANGE = /^(?:SELECT|BEGIN|COMMIT|SAVEPOINT|RELEASE)\b/;
/** Longer results, and results for more values, are not worth the memory. */
const MAX_ROWS = 8;
const MAX_VALUES = 2_000;

/** The rows of one statement by its only value. */
type Remembered = Map<Value, Row[]>;

export interface RowMemory {
  /** Adds to a statement with one value that it answers from memory, and to one that changes rows that these are forgotten. */
  around(text: string, run: (values: Value[]) => Row[]): (values: Value[]) => Row[];
  /** Forgets all statements. */
  clear(): void;
}

export function createRowMemory(): RowMemory {
  const byTable = new Map<string, Remembered[]>();

  function forget(table: string | undefined): void {
    for (const [name, statements] of byTable)
      if (table === undefined || name === table) for (const rows of statements) rows.clear();
  }

  return {
    around(text, run) {
      if (!NO_CHANGE.test(text)) {
        const table = WRITE.exec(text)?.[1];
        if (table !== undefined && !TABLES.has(table)) return run;
        return (values) => {
          forget(table);
          return run(values);
        };
      }
      const table = ONE_TABLE.exec(text)?.[1] ?? "";
      if (!TABLES.has(table)) return run;
      const remembered: Remembered = new Map();
      byTable.set(table, [...(byTable.get(table) ?? []), remembered]);
      return (values) => {
        const [value = null] = values;
        if (values.length !== 1) return run(values);
        const known = remembered.get(value);
        if (known) return known;
        const rows = run(values);
        if (rows.length > MAX_ROWS) return rows;
        if (remembered.size >= MAX_VALUES) remembered.clear();
        for (const row of rows) Object.freeze(row);
        remembered.set(value, rows);
        return rows;
      };
    },
    clear: () => byTable.clear(),
  };
}
