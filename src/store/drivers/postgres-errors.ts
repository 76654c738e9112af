/** What PostgreSQL and its driver say went wrong: what it means for a transaction, and in which words users are told. */
import pg from "pg";
import { CctError } from "../../platform/errors.ts";

/** SQLSTATE of a unique value that another row has. */
export const UNIQUE = "23505";

/** SQLSTATE, or what node calls the error of a socket. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

/** Two transactions met: serialization failure, deadlock. */
export const isConflict = (error: unknown): boolean => ["40001", "40P01"].includes(codeOf(error));

/**
 * The connection is gone, or nobody knows in which state it is: an error that is not the server's, or that tells of the
 * server's end (57P01 to 57P03, class 08).
 */
export const isBroken = (error: unknown): boolean =>
  !(error instanceof pg.DatabaseError) || /^(?:57P0[1-5]|08...|25P03)$/.test(codeOf(error));

/**
 * Worth another try: others were in the way, or the connection broke before anything was committed. A unique value that
 * was taken is one of these: run again, the work sees who has it, and says so or chooses another.
 */
export const isPassing = (error: unknown): boolean =>
  isConflict(error) || codeOf(error) === UNIQUE || (isBroken(error) && !isSilence(error));

/** Nobody answered in time: the client's own limits, which have no code. */
export const isSilence = (error: unknown): boolean =>
  error instanceof Error && codeOf(error) === "" && /\btimeout\b/i.test(error.message);

const KEPT = "Nothing of this request was stored, and nothing stored before is lost.";

export const tooBusy = (): CctError =>
  new CctError("unavailable", `The database has too much to do. ${KEPT}`, "Try again in a moment.");

export const unknownEnd = (): CctError =>
  new CctError(
    "unavailable",
    "The connection to the database broke during a commit: whether this request was stored is not known.",
    "Repeat it (a message with the same message_id is not sent twice), or look.",
  );

/** Says what happened and what to do. What is no error of a database's operation passes unchanged: it is ours. */
export function storeError(error: unknown): unknown {
  if (error instanceof CctError) return error;
  const code = codeOf(error);
  if (isConflict(error))
    return new CctError("conflict", `Too many others changed the same at once. ${KEPT}`, "Try again in a moment.");
  if (code === "53100")
    return new CctError("store_full", `The database's disk is full. ${KEPT}`, "Free some space there and repeat it.");
  if (code === "57014")
    return new CctError("unavailable", `The database took too long. ${KEPT}`, "Try again in a moment.");
  if (code === "25006")
    return new CctError(
      "unavailable",
      `The database only reads now. ${KEPT}`,
      "Is it a standby? Point database_url at the primary.",
    );
  if (/^(?:28|3D)/.test(code) || code === "42501")
    return new CctError(
      "store_failed",
      `The database refuses us (${code}).`,
      "Check user, password, database and rights in database_url.",
    );
  if (/^(?:08|53|57P|58)/.test(code) || isBroken(error)) {
    const why = code || (isSilence(error) ? "no answer in time" : "the connection broke");
    return new CctError("unavailable", `The database does not answer (${why}). ${KEPT}`, "Try again in a moment.");
  }
  return error;
}
