/**
 * What a broker counts while it runs, as plain numbers. The library that prints them for Prometheus costs 30 ms and 4 MB,
 * so it is loaded only when somebody asks (`exposition.ts`).
 */
import type { DeliveryEvent } from "../../operations/core/transaction.ts";
import type { DeliveryState } from "../../rules/delivery.ts";
import type { Store } from "../../store/store.ts";

/** How often values were at most so large: `counts[i]` of them at most `bounds[i]` and above the bound before. */
export interface Histogram {
  bounds: readonly number[];
  counts: number[];
  sum: number;
  count: number;
}

const histogram = (bounds: readonly number[]): Histogram => ({ bounds, counts: bounds.map(() => 0), sum: 0, count: 0 });

function observe(to: Histogram, value: number): void {
  const i = to.bounds.findIndex((bound) => value <= bound);
  if (i >= 0) to.counts[i] = (to.counts[i] ?? 0) + 1;
  to.sum += value;
  to.count++;
}

/** Mail takes from milliseconds to days. */
const WAITS_S = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21_600, 86_400];
const TRANSACTIONS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** All that one broker has counted since it started. */
export interface Tally {
  /** Messages that were stored, the broker's own reports among them. */
  sent: number;
  /** Deliveries that came into a state, how often ever. */
  deliveries: Partial<Record<DeliveryState, number>>;
  /** Claims of mail that a model may have seen before. */
  redelivered: number;
  /** Claims that ended without anybody knowing whether the text was shown. */
  lost: number;
  sentToDelivered: Histogram;
  deliveredToRead: Histogram;
  /** Transactions by how they ended, and how long they took with their waiting. */
  transactions: { committed: number; failed: number };
  transaction: Histogram;
  /** Answers by the first digit of their status. */
  answers: Record<string, number>;
  rateLimited: number;
  wrongCredentials: number;
  /** Hints that this broker gave. */
  hints: number;
  /** When a sweep last came to its end; `undefined`: none has yet. */
  sweptAt: number | undefined;
}

export const newTally = (): Tally => ({
  sent: 0,
  deliveries: {},
  redelivered: 0,
  lost: 0,
  sentToDelivered: histogram(WAITS_S),
  deliveredToRead: histogram(WAITS_S),
  transactions: { committed: 0, failed: 0 },
  transaction: histogram(TRANSACTIONS_S),
  answers: {},
  rateLimited: 0,
  wrongCredentials: 0,
  hints: 0,
  sweptAt: undefined,
});

/** Counts what an operation, or the sweep, has done to mail. */
export function countEvent(tally: Tally, event: DeliveryEvent): void {
  if (event.what === "sent") {
    tally.sent++;
    return;
  }
  const { before, after } = event;
  // A lease that was renewed is none the later.
  if (before?.state === after.state) return;
  tally.deliveries[after.state] = (tally.deliveries[after.state] ?? 0) + 1;
  if (after.state === "claimed" && after.redelivered) tally.redelivered++;
  if (before && after.lost > before.lost) tally.lost++;
  if (after.delivered_at !== null && before?.delivered_at === null)
    observe(tally.sentToDelivered, seconds(after.delivered_at - sentAt(after)));
  if (after.read_at !== null && after.delivered_at !== null && before?.read_at === null)
    observe(tally.deliveredToRead, seconds(after.read_at - after.delivered_at));
}

/** The order of sending is the clock in microseconds, or a little ahead of it. */
const sentAt = ({ seq }: { seq: number }): number => Math.floor(seq / 1000);
const seconds = (ms: number): number => Math.max(0, ms) / 1000;

/** The same store, with its transactions and looks counted and timed. */
export function measured(store: Store, tally: Tally, steady: () => number): Store {
  async function timed<T>(run: () => Promise<T>): Promise<T> {
    const begin = steady();
    try {
      const result = await run();
      tally.transactions.committed++;
      return result;
    } catch (error) {
      tally.transactions.failed++;
      throw error;
    } finally {
      observe(tally.transaction, seconds(steady() - begin));
    }
  }
  return {
    ...store,
    tx: (work, isolation) => timed(() => store.tx(work, isolation)),
    look: (read) => timed(() => store.look(read)),
  };
}
