/** What keeps a file from being written: the words for it, and the error that says what to do. */
import { CctError, systemCode } from "./errors.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  ENOENT: "the folder is gone",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is not a folder",
};

/** `the disk is full (ENOSPC)`. */
export const reasonOf = (code: string): string =>
  `${(Object.hasOwn(reasons, code) && reasons[code]) || "the system reports an error"} (${code})`;

const isFull = (code: string): boolean => code === "ENOSPC" || code === "EDQUOT";

/** An error of the system as one that says what did not happen, why, and what to do. Other errors stay as they are. */
export function writeError(error: unknown, what: string, path: string, next: string): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  return new CctError(isFull(code) ? "store_full" : "store_failed", `${what}: ${reasonOf(code)}, in ${path}.`, next);
}
