/**
 * Metrics of a broker as plain counters. The Prometheus library costs 30 ms and 4 MB, so it is loaded only when metrics are
 * requested (`prometheus.ts`).
 */
import type { DeliveryEvent } from "../../operations/core/transaction.ts";
import type { DeliveryState } from "../../rules/delivery.ts";
import type { Store } from "../../store/store.ts";

/** `counts[i]`: values that are at most `bounds[i]` and greater than the bound before. */
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

/** Delivery takes from milliseconds to days. */
const DELIVERY_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21_600, 86_400];
const TRANSACTION_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Everything that a broker has counted since it started. */
export interface Metrics {
  /** Stored messages, including the broker's own reports. */
  sent: number;
  /** How often deliveries entered each state. */
  deliveries: Partial<Record<DeliveryState, number>>;
  /** Claims of mail that a model may have seen before. */
  redelivered: number;
  /** Claims that ended without anybody knowing whether the text was shown. */
  lost: number;
  sentToDelivered: Histogram;
  deliveredToRead: Histogram;
  transactions: { committed: number; failed: number };
  /** Duration of a transaction, including its wait for the database. */
  transaction: Histogram;
  /** HTTP responses by status class: `2xx`. */
  answers: Record<string, number>;
  rateLimited: number;
  wrongCredentials: number;
  /** Hints that this broker published. */
  hints: number;
  /** When the last sweep ended; `undefined` before the first one. */
  sweptAt: number | undefined;
}

export const createMetrics = (): Metrics => ({
  sent: 0,
  deliveries: {},
  redelivered: 0,
  lost: 0,
  sentToDelivered: histogram(DELIVERY_SECONDS),
  deliveredToRead: histogram(DELIVERY_SECONDS),
  transactions: { committed: 0, failed: 0 },
  transaction: histogram(TRANSACTION_SECONDS),
  answers: {},
  rateLimited: 0,
  wrongCredentials: 0,
  hints: 0,
  sweptAt: undefined,
});

/** Counts what an operation or the sweep did to mail. */
export function countEvent(metrics: Metrics, event: DeliveryEvent): void {
  if (event.what === "sent") {
    metrics.sent++;
    return;
  }
  const { before, after } = event;
  // A renewed lease is not a new claim.
  if (before?.state === after.state) return;
  metrics.deliveries[after.state] = (metrics.deliveries[after.state] ?? 0) + 1;
  if (after.state === "claimed" && after.redelivered) metrics.redelivered++;
  if (before && after.lost > before.lost) metrics.lost++;
  if (after.delivered_at !== null && before?.delivered_at === null)
    observe(metrics.sentToDelivered, seconds(after.delivered_at - sentAt(after)));
  if (after.read_at !== null && after.delivered_at !== null && before?.read_at === null)
    observe(metrics.deliveredToRead, seconds(after.read_at - after.delivered_at));
}

/** A sequence number is the time in microseconds, or slightly later. */
const sentAt = ({ seq }: { seq: number }): number => Math.floor(seq / 1000);
const seconds = (ms: number): number => Math.max(0, ms) / 1000;

/** The same store, with its transactions and reads counted and timed. */
export function measured(store: Store, metrics: Metrics, steady: () => number): Store {
  async function timed<T>(run: () => Promise<T>): Promise<T> {
    const begin = steady();
    try {
      const result = await run();
      metrics.transactions.committed++;
      return result;
    } catch (error) {
      metrics.transactions.failed++;
      throw error;
    } finally {
      observe(metrics.transaction, seconds(steady() - begin));
    }
  }
  return {
    ...store,
    tx: (...args) => timed(() => store.tx(...args)),
    read: (read) => timed(() => store.read(read)),
  };
}
