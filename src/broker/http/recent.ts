/** A bounded memory of clients: beyond the bound, the one that was inactive for the longest time is forgotten. */

export const MAX_CLIENTS = 10_000;

export function remember<T>(known: Map<string, T>, key: string, value: T): void {
  // Moved to the end, so that the first entry is the one that was inactive for the longest time. While there is room for many
  // more, the order does not matter yet, and to move an entry costs microseconds.
  if (known.size > MAX_CLIENTS / 2) known.delete(key);
  known.set(key, value);
  if (known.size <= MAX_CLIENTS) return;
  const [oldest] = known.keys();
  if (oldest !== undefined) known.delete(oldest);
}
