/** Classifies errors of PostgreSQL and its driver (retryable, broken connection, timeout) and words them for users. */
import pg from "pg";
import { CctError } from "../../platform/errors.ts";
import { NOTHING_STORED, outcomeUnknown, StoreFault } from "../store.ts";

/** SQLSTATE unique_violation. */
export const UNIQUE = "23505";

/** The SQLSTATE, or Node's code of a socket error. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

/** Serialization failure or deadlock. */
export const isConflict = (error: unknown): boolean => ["40001", "40P01"].includes(codeOf(error));

/**
 * The connection is gone or in an unknown state: the error is not from the server, or it reports a shutdown, a connection
 * failure or an idle timeout (57P01 to 57P05, class 08, 25P03).
 */
export const isBroken = (error: unknown): boolean =>
  !(error instanceof pg.DatabaseError) || /^(?:57P0[1-5]|08...|25P03)$/.test(codeOf(error));

/**
 * Worth another attempt: a conflict, or a connection that broke before COMMIT. A unique violation too: the retried work
 * sees the other row and reports it or chooses another value.
 */
export const isRetryable = (error: unknown): boolean =>
  isConflict(error) || codeOf(error) === UNIQUE || (isBroken(error) && !isTimeout(error));

/** A client-side timeout; pg gives these no code. */
export const isTimeout = (error: unknown): boolean =>
  error instanceof Error && codeOf(error) === "" && /\btimeout\b/i.test(error.message);

export const tooBusy = (): CctError =>
  new CctError("unavailable", `The database is overloaded. ${NOTHING_STORED}`, "Try again in a moment.");

export const commitOutcomeUnknown = (): CctError =>
  outcomeUnknown("The connection to the database broke during COMMIT");

/** The error for a connection pooler that does not keep a connection's state with its client. */
export const transactionMode = (): CctError =>
  new CctError(
    "bad_request",
    "database_url leads to a connection pooler in transaction mode (PgBouncer: pool_mode = transaction), through which brokers cannot hear each other.",
    "Set pool_mode = session for this database, or connect to PostgreSQL directly.",
  );

/** Converts a database error into a `CctError` with a hint. Other errors pass unchanged. */
export function storeError(error: unknown): unknown {
  if (error instanceof CctError) return error;
  const code = codeOf(error);
  // A prepared statement that exists already, or does not, belongs to another client of the pooler.
  if (code === "42P05" || code === "26000") return transactionMode();
  if (isConflict(error))
    return new CctError(
      "conflict",
      `Too many concurrent changes of the same data. ${NOTHING_STORED}`,
      "Try again in a moment.",
    );
  if (code === "53100")
    return new StoreFault(
      "store_full",
      `The database's disk is full. ${NOTHING_STORED}`,
      "Free some space there and repeat it.",
    );
  if (code === "57014")
    return new CctError("unavailable", `The database took too long. ${NOTHING_STORED}`, "Try again in a moment.");
  if (code === "25006")
    return new StoreFault(
      "unavailable",
      `The database is read-only. ${NOTHING_STORED}`,
      "Is it a standby? Point database_url at the primary.",
    );
  if (/^XX00[12]$/.test(code))
    return new StoreFault(
      "store_failed",
      `The database reports damaged data (${code}). Nothing of this request was stored.`,
      "See its log, and restore a backup with PostgreSQL's own tools.",
    );
  if (/^(?:28|3D)/.test(code) || code === "42501")
    return new StoreFault(
      "store_failed",
      `The database rejects the login (${code}).`,
      "Check user, password, database name and privileges in database_url.",
    );
  if (code.startsWith("58"))
    return new StoreFault(
      "store_failed",
      `The database cannot read or write its files (${code}). Nothing of this request was stored.`,
      "Check its disk and its log.",
    );
  if (/^(?:08|53|57P)/.test(code) || isBroken(error)) {
    const why = code || (isTimeout(error) ? "timeout" : "the connection broke");
    return new CctError(
      "unavailable",
      `The database does not answer (${why}). ${NOTHING_STORED}`,
      "Try again in a moment.",
    );
  }
  return error;
}
