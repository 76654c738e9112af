/** The order in which a client tries the brokers of its list (failover). The first broker is the one in use. */

/** A random permutation, so that not all clients start with the same broker. `random` returns 0 to 1. */
export function shuffle<T>(all: readonly T[], random: () => number): T[] {
  const left = [...all];
  const drawn: T[] = [];
  // `min` keeps the index valid when `random` returns exactly 1.
  while (left.length > 0) drawn.push(...left.splice(Math.min(left.length - 1, Math.floor(random() * left.length)), 1));
  return drawn;
}

/**
 * Moves a broker that failed to the end and keeps the others in order. A working broker stays in use, and a failed one is
 * tried again only after all others have failed.
 */
export function moveToEnd<T>(order: readonly T[], failed: T): T[] {
  return order.includes(failed) ? [...order.filter((one) => one !== failed), failed] : [...order];
}
