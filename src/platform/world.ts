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
  /** Identifies the current boot of the machine; `undefined` if the system does not say. */
  bootId(): string | undefined;
  /** Wall clock in milliseconds since 1970. Somebody may set it, also back. */
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

/** Smaller steps back are smoothed: they come from imprecise readings. A larger one means that the clock was set. */
const MAX_SMOOTHED_MS = 1_000;

/** The same clock, but instead of going back by less than a second it stands still. Larger steps back are followed. */
export function smoothedClock(wall: () => number): () => number {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    const time = wall();
    last = time < last && last - time < MAX_SMOOTHED_MS ? last : time;
    return last;
  };
}
