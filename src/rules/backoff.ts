/** Exponential backoff with jitter, for reconnects and retries. */

export const MAX_BACKOFF_MS = 5_000;

/**
 * The delay in milliseconds after `failures` earlier failures (0 for the first retry). It doubles from `firstMs` up to
 * `MAX_BACKOFF_MS`. `random` (0 to 1) spreads it over the upper half, so that clients of a restarted broker do not all
 * return at the same moment.
 */
export function backoffMs(failures: number, firstMs: number, random: number): number {
  // The exponent is limited because 2 ** failures becomes Infinity after about a thousand failures.
  const delay = Math.min(MAX_BACKOFF_MS, firstMs * 2 ** Math.min(failures, 20));
  return delay * (0.5 + random / 2);
}
