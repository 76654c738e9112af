/**
 * The store's promise: transactions behave as if run one at a time, and what `tx` has answered survives a power cut.
 * `work` awaits nothing but `sql`, and may be run again from its beginning; it must not act on anything else.
 */
export type Value = string | number | null;
export type Row = Record<string, Value>;

/** Runs one statement with `$1`-style placeholders; answers with the rows it returns. The same SQL runs on every store. */
export type Sql = (text: string, ...values: Value[]) => Promise<Row[]>;

export interface Store {
  /** Runs `work` in a transaction. Answers after the commit; rejects, with nothing changed, when `work` does. */
  tx<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** Finishes what is waiting, then closes. Later calls of `tx` are refused. */
  close(): Promise<void>;
}
