/** Converts errors of SQLite, as both drivers report them, into `CctError`s that say what to do. */
import { CctError } from "../../platform/errors.ts";
import { NOTHING_STORED, StoreFault } from "../store.ts";

const BUSY = 5;
const NO_MEMORY = 7;
const READ_ONLY = 8;
const INPUT_OUTPUT = 10;
const CORRUPT = 11;
const FULL = 13;
const CANNOT_OPEN = 14;
const NOT_A_DATABASE = 26;

/** What an operator does about a damaged file. The broker has to be stopped first. */
export const RESTORE_HINT =
  "Stop the broker (cct kill) and restore a backup: cct restore <file>. Without one: docs/backup-and-restore.md.";

/** Converts an SQLite error into a `CctError` with a hint. Errors of the SQL itself are bugs and pass unchanged, like all others. */
export function storeError(error: unknown, path: string): unknown {
  if (error instanceof CctError || !(error instanceof Error)) return error;
  switch (resultCode(error)) {
    case FULL:
      return new StoreFault(
        "store_full",
        `The disk that holds ${path} is full. ${NOTHING_STORED}`,
        "Free some space and repeat the request.",
      );
    case BUSY:
      return new CctError(
        "conflict",
        `Another process holds ${path}.`,
        "One broker per home: stop the other one first.",
      );
    case READ_ONLY:
    case CANNOT_OPEN:
      return new StoreFault(
        "store_failed",
        `${path} cannot be opened for writing. Nothing of this request was stored.`,
        "Check its owner, its mode, and whether its disk is mounted read-only.",
      );
    case CORRUPT:
    case NOT_A_DATABASE:
      return new StoreFault(
        "store_failed",
        `${path} is damaged or not a database (${error.message}). Nothing of this request was stored.`,
        RESTORE_HINT,
        true,
      );
    case INPUT_OUTPUT:
      return new StoreFault(
        "store_failed",
        `${path} cannot be read or written (${error.message}). Nothing of this request was stored.`,
        "Check the disk and the system's log, then repeat the request.",
      );
    case NO_MEMORY:
      return new StoreFault(
        "store_failed",
        `SQLite has no memory left. ${NOTHING_STORED}`,
        "Free some memory, then repeat the request.",
      );
    default:
      return error;
  }
}

/** After this at COMMIT the transaction may be in the log, so that the next start finds it: its outcome is unknown. */
export const isInputOutputError = (error: unknown): boolean =>
  error instanceof Error && resultCode(error) === INPUT_OUTPUT;

const codesByName: Record<string, number> = {
  SQLITE_BUSY: BUSY,
  SQLITE_NOMEM: NO_MEMORY,
  SQLITE_READONLY: READ_ONLY,
  SQLITE_IOERR: INPUT_OUTPUT,
  SQLITE_CORRUPT: CORRUPT,
  SQLITE_FULL: FULL,
  SQLITE_CANTOPEN: CANNOT_OPEN,
  SQLITE_NOTADB: NOT_A_DATABASE,
};

/** SQLite's primary result code, from either driver's error object. */
function resultCode(error: Error): number | undefined {
  if ("errcode" in error && typeof error.errcode === "number") return error.errcode & 0xff;
  if ("rawCode" in error && typeof error.rawCode === "number" && error.rawCode > 0) return error.rawCode & 0xff;
  if (!("code" in error) || typeof error.code !== "string" || !error.code.startsWith("SQLITE_")) return undefined;
  const name = Object.keys(codesByName).find((known) => String(error.code).startsWith(known));
  return name ? codesByName[name] : 1;
}
