/** The clock of a broker that shares its database: the database's own, so that brokers on many machines mean the same moment. */

/** Smaller steps back are waited out: they are how exactly it was read, not a clock that was set. */
const STILL_MS = 1_000;
/** How far two clocks may part per millisecond: more than any that work. */
const DRIFT = 0.0005;

export interface FollowedClock {
  /** Milliseconds since 1970, whole. */
  now(): number;
  /** The other clock was read: it showed `time` at some moment between `before` and `after` of `steady`. */
  read(time: number, before: number, after: number): void;
}

/**
 * A clock that goes on at the pace of `steady` from the best reading of the other one. A reading on a busy network says
 * less than an older one on a quiet one, until that one is so old that the clocks may have parted further.
 */
export function followClock(steady: () => number): FollowedClock {
  let ahead = 0;
  let doubt = Number.POSITIVE_INFINITY;
  let readAt = 0;
  let told = 0;
  return {
    now() {
      const now = Math.floor(steady() + ahead);
      told = now < told && told - now < STILL_MS ? told : now;
      return told;
    },
    read(time, before, after) {
      const newAhead = time - (before + after) / 2;
      // It shows whole milliseconds.
      const newDoubt = (after - before) / 2 + 1;
      const oldDoubt = doubt + (after - readAt) * DRIFT;
      const wasSet = Math.abs(newAhead - ahead) > newDoubt + oldDoubt;
      if (newDoubt > oldDoubt && !wasSet) return;
      ahead = newAhead;
      doubt = newDoubt;
      readAt = after;
    },
  };
}
