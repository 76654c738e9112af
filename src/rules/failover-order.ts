/** In which order brokers of one list are asked: the first is the one in use. */

/** The same in an order drawn by chance, so that not all clients begin with the same broker. `random`: 0 to 1. */
export function shuffle<T>(all: readonly T[], random: () => number): T[] {
  const left = [...all];
  const drawn: T[] = [];
  // The least is for a chance of exactly 1.
  while (left.length > 0) drawn.push(...left.splice(Math.min(left.length - 1, Math.floor(random() * left.length)), 1));
  return drawn;
}

/**
 * The order after one of them failed: it comes last, the others keep their places. So one that works stays in use, and
 * one that failed is asked again only when all the others have failed since.
 */
export function moveToEnd<T>(order: readonly T[], failed: T): T[] {
  return order.includes(failed) ? [...order.filter((one) => one !== failed), failed] : [...order];
}
