/** Converts errors of SQLite, as both drivers report them, into `CctError`s that say what to do. */
import { CctError } from "../../platform/errors.ts";
import { NOTHING_STORED } from "../store.ts";

const FULL = 13;
const BUSY = 5;
const READ_ONLY = 8;
const CANNOT_OPEN = 14;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/** Converts an SQLite error into a `CctError` with a hint. Other errors pass unchanged. */
export function storeError(error: unknown, path: string): unknown {
  if (error instanceof CctError || !(error instanceof Error)) return error;
  const code = resultCode(error);
  if (code === undefined) return error;
  switch (code) {
    case FULL:
      return new CctError(
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
      return new CctError(
        "store_failed",
        `${path} cannot be opened for writing.`,
        "Check its owner, its mode and the disk.",
      );
    case CORRUPT:
    case NOT_A_DATABASE:
      return new CctError(
        "store_failed",
        `${path} is damaged or not a database (${error.message}). CCT has not touched it.`,
        "Move it (with its -wal file) away to start with an empty one, or restore a backup.",
      );
    default:
      return new CctError(
        "store_failed",
        `SQLite: ${error.message}. ${NOTHING_STORED}`,
        "Check the disk, then repeat the request.",
      );
  }
}

const codesByName: Record<string, number> = {
  SQLITE_FULL: FULL,
  SQLITE_BUSY: BUSY,
  SQLITE_READONLY: READ_ONLY,
  SQLITE_CANTOPEN: CANNOT_OPEN,
  SQLITE_CORRUPT: CORRUPT,
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
