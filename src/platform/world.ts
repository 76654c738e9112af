/** Everything that makes runs differ: arguments, environment, time, ids, randomness. `bin.ts` reads it, the rest gets values. */
export interface World {
  /** Arguments after the program's name. */
  argv: string[];
  env: Record<string, string | undefined>;
  cwd: string;
  pid: number;
  ppid: number;
  /** Path of the node binary. */
  node: string;
  nodeVersion: string;
  /** Folder of the package, with `dist/`, `plugin/` and `migrations/`. */
  root: string;
  version: string;
  hostname: string;
  user: number;
  /** The user's name, or the number if there is no name. */
  username: string;
  /** Wall clock in milliseconds since 1970. Never goes back within a process. */
  now(): number;
  /** Monotonic clock in milliseconds. Only differences are meaningful. */
  steady(): number;
  /** A random number from 0 to 1, for jitter. */
  random(): number;
  /** 32 random hexadecimal characters. */
  newId(): string;
  /** A UUIDv7, for messages. */
  newMessageId(): string;
}

/**
 * A wall clock that never goes back. While the wall clock is behind its last value, time continues at the pace of the
 * monotonic clock `steady`. Both return milliseconds.
 */
export function steadyClock(wall: () => number, steady: () => number): () => number {
  let last = wall();
  let lastAt = steady();
  return () => {
    const passed = Math.max(0, Math.floor(steady() - lastAt));
    const time = wall();
    if (time > last + passed) {
      last = time;
      lastAt = steady();
    } else {
      // Whole milliseconds; the fraction counts the next time.
      last += passed;
      lastAt += passed;
    }
    return last;
  };
}
