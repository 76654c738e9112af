/** How long what is finished is kept. Mail that waits for somebody is kept for ever. */
import { type Delivery, hasFailed } from "./delivery.ts";

const DAY_MS = 86_400_000;

/** Days; 0: for ever. */
export interface RetentionPolicy {
  /** Messages that all their recipients have read, and those that only stand in a pool's history. */
  keep_read_days: number;
  /** Messages with a delivery that ended unread: expired, refused, dead. They can be sent once more until they go. */
  keep_failed_days: number;
  /** Decided proposals with their ballots, and notes to the operator. */
  keep_notes_days: number;
}

type Ended = Pick<Delivery, "state" | "read_at" | "delivered_at" | "expires_at">;

/** Whether nothing more can happen to a delivery, but that its sender or the operator sends it once more. */
export const isFinal = (d: Pick<Delivery, "state">): boolean => d.state === "read" || hasFailed(d);

/** Whether a message may go, with all its deliveries: since nothing has happened to any of them for as long as it is kept. */
export function isDeletable(sentAt: number, deliveries: readonly Ended[], keep: RetentionPolicy, now: number): boolean {
  if (!deliveries.every(isFinal)) return false;
  const days = deliveries.some(hasFailed) ? keep.keep_failed_days : keep.keep_read_days;
  if (days === 0) return false;
  return (
    deliveries.every((d) => lastMoment(sentAt, d) <= retentionCutoff(days, now)) && sentAt <= retentionCutoff(days, now)
  );
}

/** When something last happened to a finished delivery, as far as is known: when a dead letter died is not. */
function lastMoment(sentAt: number, d: Ended): number {
  return Math.max(sentAt, d.delivered_at ?? 0, d.read_at ?? 0, (d.state === "expired" && d.expires_at) || 0);
}

/** What is from this moment or before may go. Not a number that anything is before, when it is kept for ever. */
export const retentionCutoff = (days: number, now: number): number =>
  days === 0 ? Number.NEGATIVE_INFINITY : now - days * DAY_MS;
