/** What enters at `bin.ts` and travels as values from there: time, ids, environment. */
export interface World {
  /** Arguments after the program's name. */
  argv: string[];
  env: Record<string, string | undefined>;
  cwd: string;
  pid: number;
  ppid: number;
  /** The node binary that runs this program. */
  node: string;
  /** Folder of the package: `dist/`, `plugin/` and `migrations/` lie in it. */
  root: string;
  version: string;
  hostname: string;
  user: number;
  /** The user's name; the number, where the system knows no name. */
  username: string;
  /** Milliseconds since 1970; never goes back while the process lives. */
  now(): number;
  /** Milliseconds of a clock that nobody sets; only differences mean something. */
  steady(): number;
  /** From 0 to 1, to spread what many would do at one moment. */
  random(): number;
  /** 32 random hexadecimal characters. */
  newId(): string;
  /** A UUID of version 7, for messages. */
  newMessageId(): string;
}

/**
 * A clock that follows the wall but never goes back: while the wall is behind what was told before, time goes on at
 * the pace of the monotonic clock. `wall` and `steady` answer milliseconds.
 */
export function steadyClock(wall: () => number, steady: () => number): () => number {
  let told = wall();
  let toldAt = steady();
  return () => {
    const passed = Math.max(0, Math.floor(steady() - toldAt));
    const time = wall();
    if (time > told + passed) {
      told = time;
      toldAt = steady();
    } else {
      // Whole milliseconds only: what is left of one counts the next time.
      told += passed;
      toldAt += passed;
    }
    return told;
  };
}
