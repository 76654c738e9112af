/** How long to wait before a broker is asked again. */

/** However long it has been away, it is asked again within this time. */
export const MAX_BACKOFF_MS = 5_000;

/**
 * The pause after so many failures in a row (from 0), in milliseconds: it doubles from `first` on. `random`, from 0 to 1, spreads
 * it over its upper half, so that the sessions that one broker has left do not come back to it in one moment.
 */
export function backoffMs(failures: number, first: number, random: number): number {
  // Not more doublings than it takes: 2 to the power of an hour's failures is no number any more.
  const pause = Math.min(MAX_BACKOFF_MS, first * 2 ** Math.min(failures, 20));
  return pause * (0.5 + random / 2);
}
