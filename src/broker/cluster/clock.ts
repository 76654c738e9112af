/** Clock synchronisation: brokers that share a database use the database's clock, so that their timestamps agree. */
import { smoothedClock } from "../../platform/world.ts";

/** How far two clocks may drift apart per millisecond: more than any that work. */
const DRIFT = 0.0005;

export interface FollowedClock {
  /** Whole milliseconds since 1970. */
  now(): number;
  /** A reading: the other clock showed `time` at some moment between `before` and `after` of `steady`. */
  read(time: number, before: number, after: number): void;
}

/**
 * Follows another clock at the pace of `steady`, starting from the most precise reading. A slow round trip is less precise
 * than an older, faster one, until drift has made the older one worse.
 */
export function followClock(steady: () => number): FollowedClock {
  let offset = 0;
  let uncertainty = Number.POSITIVE_INFINITY;
  let readAt = 0;
  return {
    now: smoothedClock(() => Math.floor(steady() + offset)),
    read(time, before, after) {
      const newOffset = time - (before + after) / 2;
      // One more, because `time` is in whole milliseconds.
      const newUncertainty = (after - before) / 2 + 1;
      const oldUncertainty = uncertainty + (after - readAt) * DRIFT;
      const wasSet = Math.abs(newOffset - offset) > newUncertainty + oldUncertainty;
      if (newUncertainty > oldUncertainty && !wasSet) return;
      offset = newOffset;
      uncertainty = newUncertainty;
      readAt = after;
    },
  };
}
