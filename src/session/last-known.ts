/**
 * A value that is read from the system, or the last one while that fails: too many open files, a disk error, something in
 * the place of the file that is not ours.
 */
import { CctError, systemCode } from "../platform/errors.ts";

/** Returns a function that reads the value. */
export function lastKnown<T>(first: T): (read: () => T) => T {
  let last = first;
  return (read) => {
    try {
      last = read();
    } catch (error) {
      if (!(error instanceof CctError) && systemCode(error) === undefined) throw error;
    }
    return last;
  };
}
