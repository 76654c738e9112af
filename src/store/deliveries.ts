/** Deliveries by their state: those of a peer, and those in which something is due. */
import { DELIVERY, type DeliveryRow, OPEN, toDelivery } from "./messages.ts";
import type { Sql } from "./store.ts";

/** A peer's deliveries in the given open states. */
export async function openDeliveries(
  sql: Sql,
  peerId: string,
  wanted: readonly ("queued" | "claimed" | "delivered")[],
): Promise<DeliveryRow[]> {
  const rows = await sql(
    // SQLite seeks by the first list, and only by one of literals.
    `SELECT ${DELIVERY} FROM deliveries d
     WHERE d.peer_id = $1 AND d.state IN (${wanted.map((state) => `'${state}'`).join(", ")}) AND ${OPEN}`,
    peerId,
  );
  return rows.map(toDelivery);
}

/** Claims last renewed at or before `before`, or after `ahead` (the clock was set back since). */
export async function staleClaims(sql: Sql, before: number, ahead: number): Promise<DeliveryRow[]> {
  const rows = await sql(
    `SELECT ${DELIVERY} FROM deliveries d WHERE d.state = 'claimed' AND (d.leased_at <= $1 OR d.leased_at > $2) LIMIT 1000`,
    before,
    ahead,
  );
  return rows.map(toDelivery);
}

/** Queued and held deliveries past their expiry, up to 1000. */
export async function expiredDeliveries(sql: Sql, now: number): Promise<DeliveryRow[]> {
  const rows = await sql(
    `SELECT ${DELIVERY} FROM deliveries d WHERE d.state IN ('queued', 'held') AND d.expires_at IS NOT NULL AND d.expires_at <= $1 LIMIT 1000`,
    now,
  );
  return rows.map(toDelivery);
}
