/**
 * Files that the program relies on: written whole or not at all, and read only if nobody else can have created them.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { CctError, systemCode } from "./errors.ts";

/** Read from the system instead of `World`, so that no caller can skip the check. */
export const currentUser = (): number => process.geteuid?.() ?? 0;

/** Whether only we can have created a file: it is a regular file of this user, not a link. */
export const isPlainAndOurs = (stat: Stats): boolean => stat.isFile() && stat.uid === currentUser();

/** Atomic write: a temporary file, then a rename. Readers see the old content or the new, never a part. */
export function writeWhole(path: string, content: string, unique: string, mode = 0o600): void {
  const temporary = join(dirname(path), `.tmp.${unique}`);
  try {
    // Fails if the file exists, so it follows no link and writes to no file that somebody else created.
    const file = openSync(temporary, "wx", 0o600);
    try {
      writeFileSync(file, content);
      // Only now, regardless of the umask: until it is complete nobody else can read it.
      if (mode !== 0o600) fchmodSync(file, mode);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** A file's text, or `undefined` if it does not exist. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/**
 * The text of a file that the program relies on; `undefined` if it does not exist. Throws `forbidden` if another user may
 * have created it: it could contain a token or a port that this user knows. The checks are done on the open file, so that
 * it cannot be exchanged in between. Opening a pipe does not block.
 */
export function readTrusted(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    // The errors of O_NOFOLLOW for a link, and of a socket.
    if (["ELOOP", "EMLINK", "ENXIO", "EOPNOTSUPP"].includes(systemCode(error) ?? "")) throw untrusted(path);
    throw error;
  }
  try {
    const stat = fstatSync(file);
    if (!isPlainAndOurs(stat)) throw untrusted(path);
    if ((stat.mode & 0o077) !== 0) fchmodSync(file, 0o600);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

function untrusted(path: string): CctError {
  return new CctError(
    "forbidden",
    `${path} is a symbolic link, or not a regular file of yours.`,
    "Another user may have created it, so CCT does not use it: look at it, and move it away.",
  );
}
