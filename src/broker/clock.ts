/** The clock of a broker that shares its database: the database's own, so that brokers on many machines mean the same moment. */

/** Smaller steps back are waited out: they are how exactly it was read, not a clock that was set. */
const STILL_MS = 1_000;

export interface FollowedClock {
  /** Milliseconds since 1970, whole. */
  now(): number;
  /** The other clock showed `time` when `steady` showed `at`. */
  set(time: number, at: number): void;
}

/** A clock that goes on at the pace of `steady` from what it was last told of the other one. */
export function followClock(steady: () => number, time: number, at: number): FollowedClock {
  let ahead = time - at;
  let told = 0;
  return {
    now() {
      const now = Math.floor(steady() + ahead);
      told = now < told && told - now < STILL_MS ? told : now;
      return told;
    },
    set(newTime, newAt) {
      ahead = newTime - newAt;
    },
  };
}
