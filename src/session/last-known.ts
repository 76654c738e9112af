/** A value that is read from the system, or the last one while the system cannot: too many open files, a disk error. */
import { systemCode } from "../platform/errors.ts";

/** Returns a function that reads the value. */
export function lastKnown<T>(first: T): (read: () => T) => T {
  let last = first;
  return (read) => {
    try {
      last = read();
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
    }
    return last;
  };
}
