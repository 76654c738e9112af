/**
 * The store interface. Guarantees: transactions are serializable (unless they ask for a snapshot), and a transaction that
 * `tx` has answered survives a power cut, with all that it read, unless it says that it may be lost. `work` awaits nothing
 * but `sql` and has no other side effects, because it may be retried from the start. An error from `sql` aborts the
 * transaction even if `work` catches it; that of a statement without rows may come later, with the next one that returns
 * rows or with the commit. Statements that do not wait for each other's rows (`Promise.all`) may share a round trip; they run
 * in the order in which they were given.
 */
import { CctError } from "../platform/errors.ts";

export type Value = string | number | null;
export type Row = Record<string, Value>;

/** Checks a value before it reaches a driver. Throws `bad_request` for text with a NUL character, which PostgreSQL cannot store. */
export function bindable(value: Value | undefined): Value {
  if (typeof value === "string" && value.includes("\0"))
    throw new CctError("bad_request", "The input contains a NUL character.", "Remove it.");
  if (value === null || typeof value === "string" || typeof value === "number") return value;
  throw new TypeError(`an SQL value is ${typeof value}`);
}

/** Part of the errors of drivers: the transaction was rolled back. */
export const NOTHING_STORED = "Nothing of this request was stored, and nothing stored before is lost.";

/** The error for a transaction whose COMMIT failed in a way that leaves its outcome open. Clients treat it like a lost answer. */
export const outcomeUnknown = (why: string): CctError =>
  new CctError(
    "unavailable",
    `${why}: it is unknown whether this request was stored.`,
    "Repeat it (a message with the same message_id is not sent twice), or check the result.",
  );

/**
 * The database itself failed, not the request: a full disk, an I/O error, a read-only or damaged file. The broker is not
 * ready until a write works again.
 */
export class StoreFault extends CctError {
  /** The content of the file is wrong, and stays so until the file is replaced. */
  readonly isDamage: boolean;
  constructor(code: "store_failed" | "store_full" | "unavailable", message: string, hint: string, isDamage = false) {
    super(code, message, hint);
    this.isDamage = isDamage;
  }
}

/** Runs one statement with `$1`-style placeholders and returns its rows. The same SQL runs on every store. */
export type Sql = (text: string, ...values: Value[]) => Promise<Row[]>;

/**
 * `serial`: serializable. `snapshot`: snapshot isolation, which detects write-write conflicts but allows write skew.
 * With many brokers `serial` costs retries, so work that decides only about the rows it writes uses `snapshot`.
 * `inserts`: the same, for work that reads first and then only inserts rows (without `ON CONFLICT` and `RETURNING`): it may
 * share the transaction and the round trips of other such work. Work that does more after all gets a transaction of its own.
 */
export type Isolation = "serial" | "snapshot" | "inserts";

/**
 * Whether a power cut may undo a transaction, decided from its result. If so, its answer need not wait for the disk. A power
 * cut undoes the latest transactions only: none that a durable one has followed.
 */
export type MayBeLost<T> = (result: T) => boolean;

export interface Store {
  /** Whether transactions run one after the other, in this process only: a number that one draws is higher than all that are stored. */
  readonly isInOrder: boolean;
  /** Runs `work` in a transaction, `serial` by default. Resolves after the commit; when `work` rejects, nothing is changed. */
  tx<T>(work: (sql: Sql) => Promise<T>, isolation?: Isolation, mayBeLost?: MayBeLost<T>): Promise<T>;
  /** Reads without a transaction, which is cheaper: each statement sees the data committed when it started. */
  read<T>(read: (sql: Sql) => Promise<T>): Promise<T>;
  /** Like `tx`, under a lock that all brokers of the database respect: for schema changes. */
  exclusiveTx<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** Conflict counters since the start; absent where conflicts cannot happen (SQLite). */
  counts?(): StoreCounts;
  /** Resolves when the store can no longer know what it contains: the process has to end, and the next start reads the log. */
  failed?: Promise<CctError>;
  /**
   * The content of the database file at one moment, while work goes on. Absent where the database has tools of its own.
   * Throws `conflict` while another snapshot is read.
   */
  snapshot?(): Promise<Snapshot>;
  /** Finishes queued work, then closes. Later calls of `tx` are rejected. */
  close(): Promise<void>;
  /** Size of the database in bytes. */
  size(): Promise<number>;
}

export interface Snapshot {
  /** Bytes of all chunks together. */
  size: number;
  /** Throws `unavailable` when the store is closed meanwhile. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Must be called, also after an error: until then the log grows. */
  release(): void;
}

export interface StoreCounts {
  /** Retried transactions. */
  retries: number;
  /** Transactions that failed after conflicting on every attempt. */
  conflicts: number;
}
