/** What the session server does with single files of a spool: move, discard, poke. */
import { closeSync, constants, fstatSync, openSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { systemCode } from "../platform/errors.ts";

/** Removes a file. If that fails, it stays and does no harm. */
export function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The next session server of this host does.
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // The user has removed the whole home, or too many files are open: the FileChanged hook works without a poke.
    return [];
  }
}

/** Wakes the waiting hooks: a byte into the pipe of each. */
export function poke(folder: string): void {
  const { O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  for (const name of namesIn(folder)) {
    if (!name.startsWith("poke.")) continue;
    try {
      const pipe = openSync(join(folder, name), O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
      try {
        // Never write into a regular file that happens to have such a name.
        if (fstatSync(pipe).isFIFO()) writeSync(pipe, "x");
      } finally {
        closeSync(pipe);
      }
    } catch {
      // The waiter has left. The FileChanged hook works without it.
    }
  }
}

/** Renames a file. `false`: it is gone. The rename is the atomic step by which exactly one process wins. */
export function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}
