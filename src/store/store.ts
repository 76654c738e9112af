/**
 * The store's promise: transactions behave as if run one at a time (unless they ask for less), and what `tx` has answered survives a power cut.
 * `work` awaits nothing but `sql`, and may be run again from its beginning; it must not act on anything else. An error that
 * `sql` throws ends the transaction, also when `work` catches it.
 */
import { CctError } from "../platform/errors.ts";

export type Value = string | number | null;
export type Row = Record<string, Value>;

/** A value as databases take it. Throws `bad_request` for text with a NUL character, which not every one can store, and nobody means. */
export function bindable(value: Value | undefined): Value {
  if (typeof value === "string" && value.includes("\0"))
    throw new CctError("bad_request", "There is a NUL character in the input.", "Leave it out.");
  if (value === null || typeof value === "string" || typeof value === "number") return value;
  throw new TypeError(`an SQL value is ${typeof value}`);
}

/** Runs one statement with `$1`-style placeholders; answers with the rows it returns. The same SQL runs on every store. */
export type Sql = (text: string, ...values: Value[]) => Promise<Row[]>;

/**
 * `serial`: as if run one at a time. `snapshot`: sees one moment, and of two that change the same row one is run again; but
 * when each of two reads what the other changes, both may go through. Many brokers at once pay for `serial` by running again
 * what met others; what decides only about the rows that it writes does not need it.
 */
export type Isolation = "serial" | "snapshot";

export interface Store {
  /** Runs `work` in a transaction, `serial` unless said otherwise. Answers after the commit; rejects, with nothing changed, when `work` does. */
  tx<T>(work: (sql: Sql) => Promise<T>, isolation?: Isolation): Promise<T>;
  /** Reads outside of a transaction, at less cost: each statement by itself sees what was committed when it began. */
  look<T>(read: (sql: Sql) => Promise<T>): Promise<T>;
  /** As `tx`, while nobody else in the world runs one of these on the same database: for changes of its schema. */
  txAlone<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** How often transactions met since the start; a store in which they never do has no such counts. */
  counts?(): StoreCounts;
  /** Finishes what is waiting, then closes. Later calls of `tx` are refused. */
  close(): Promise<void>;
  /** How many bytes it takes. */
  size(): Promise<number>;
}

export interface StoreCounts {
  /** Transactions that were run again. */
  retries: number;
  /** Transactions that were given up, because others were in the way every time. */
  conflicts: number;
}
