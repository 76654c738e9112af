/**
 * Retention: how long finished messages, proposals and notes are kept, and peers and pools that nobody uses. Mail that is
 * not final is never deleted, and neither is whatever it needs.
 */
import { type Delivery, hasFailed } from "./delivery.ts";

const DAY_MS = 86_400_000;

/** All in days; 0 means for ever. */
export interface RetentionPolicy {
  /** Messages that all recipients have read, and messages without recipients in a pool's history. */
  keep_read_days: number;
  /** Messages with a delivery that ended unread (expired, refused, dead). Until deletion they can be sent again. */
  keep_failed_days: number;
  /** Decided proposals with their ballots, notes to the operator, and revoked devices. */
  keep_notes_days: number;
  /** Peers that are away and that nothing holds: no waiting mail, pool, service or open vote. */
  keep_peers_days: number;
  /** Archived pools whose messages and proposals are gone. */
  keep_pools_days: number;
}

type Ended = Pick<Delivery, "state" | "read_at" | "delivered_at" | "expires_at">;

/** Whether a delivery is in a final state, which only sending it again can change. */
export const isFinal = (d: Pick<Delivery, "state">): boolean => d.state === "read" || hasFailed(d);

/** Whether a message and its deliveries can be deleted: all are final and unchanged for the retention period. */
export function isDeletable(
  sentAt: number,
  deliveries: readonly Ended[],
  keep: Pick<RetentionPolicy, "keep_read_days" | "keep_failed_days">,
  now: number,
): boolean {
  if (!deliveries.every(isFinal)) return false;
  const days = deliveries.some(hasFailed) ? keep.keep_failed_days : keep.keep_read_days;
  if (days === 0) return false;
  return (
    deliveries.every((d) => lastChange(sentAt, d) <= retentionCutoff(days, now)) && sentAt <= retentionCutoff(days, now)
  );
}

/** The last known change of a final delivery. For a dead letter the time of death is not recorded. */
function lastChange(sentAt: number, d: Ended): number {
  return Math.max(sentAt, d.delivered_at ?? 0, d.read_at ?? 0, (d.state === "expired" && d.expires_at) || 0);
}

/** Records from this time or earlier can be deleted; -Infinity (nothing) if they are kept for ever. */
export const retentionCutoff = (days: number, now: number): number =>
  days === 0 ? Number.NEGATIVE_INFINITY : now - days * DAY_MS;
