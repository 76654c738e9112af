/** Mail to the person is read once it was on the screen for a second: its sender then sees that. */

export const READ_MS = 1_000;

interface Reading {
  /** These unread messages are on the screen now. `true`: `mark` is to be called after READ_MS. */
  shown(ids: readonly string[]): boolean;
  /** Marks those that were on the screen all the time. */
  mark(): void;
}

export function createReading(steady: () => number, markRead: (ids: string[]) => void): Reading {
  /** Since when, by the monotonic clock; of those that were marked, never. */
  let since = new Map<string, number>();
  return {
    shown(ids) {
      const now = steady();
      since = new Map(ids.map((id) => [id, since.get(id) ?? now]));
      return ids.some((id) => since.get(id) !== Number.POSITIVE_INFINITY);
    },
    mark() {
      const now = steady();
      const ids = [...since].filter(([, at]) => now - at >= READ_MS).map(([id]) => id);
      for (const id of ids) since.set(id, Number.POSITIVE_INFINITY);
      if (ids.length > 0) markRead(ids);
    },
  };
}
