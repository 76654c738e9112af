/** Statements about mutes, and about the mail that they hold. */
import { type Mute, muteKinds } from "../rules/mutes.ts";
import { DELIVERY, type DeliveryRow, toDelivery } from "./messages.ts";
import { integer, integerOrNull, oneOf, placeholders, text, textOrNull } from "./row.ts";
import type { Row, Sql } from "./store.ts";

const COLUMNS = "source, kind, by_name, set_at, until_at";

const toMute = (row: Row): Mute => ({
  source: text(row, "source"),
  kind: oneOf(row, "kind", muteKinds),
  by_name: text(row, "by_name"),
  set_at: integer(row, "set_at"),
  until_at: integerOrNull(row, "until_at"),
});

/** All mutes, also those whose time is over. */
export async function allMutes(sql: Sql): Promise<Mute[]> {
  return (await sql(`SELECT ${COLUMNS} FROM mutes`)).map(toMute);
}

/** Mutes whose time was over at `now`. */
export async function dueMutes(sql: Sql, now: number): Promise<Mute[]> {
  return (await sql(`SELECT ${COLUMNS} FROM mutes WHERE until_at <= $1 ORDER BY until_at LIMIT 100`, now)).map(toMute);
}

/**
 * The sources of mutes that have ended while they hold mail: a message that was being sent when its mute ended, to another broker
 * of the database.
 */
export async function endedSources(sql: Sql): Promise<string[]> {
  const rows = await sql(
    `SELECT DISTINCT d.held_by FROM deliveries d WHERE d.state = 'held' AND d.held_by IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM mutes u WHERE u.source = d.held_by) LIMIT 100`,
  );
  return rows.map((row) => text(row, "held_by"));
}

export async function putMute(sql: Sql, mute: Mute): Promise<void> {
  await sql(
    `INSERT INTO mutes (source, kind, by_name, set_at, until_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (source) DO UPDATE SET by_name = excluded.by_name, set_at = excluded.set_at, until_at = excluded.until_at`,
    mute.source,
    mute.kind,
    mute.by_name,
    mute.set_at,
    mute.until_at,
  );
  await flag(sql, mute.source, 1);
}

/** Senders read these rows anyway: only where one says so, they look for the mute. */
async function flag(sql: Sql, source: string, on: 0 | 1): Promise<void> {
  await sql("UPDATE peers SET muted = $2 WHERE peer_id = $1 AND muted <> $2", source, on);
  await sql("UPDATE pools SET paused = $2 WHERE pool_id = $1 AND paused <> $2", source, on);
}

export async function deleteMute(sql: Sql, source: string): Promise<void> {
  await sql("DELETE FROM mutes WHERE source = $1", source);
  await flag(sql, source, 0);
}

/** A delivery that a mute holds, and what decides whether another one does. */
export type MutedDelivery = DeliveryRow & { from_id: string; pool_id: string | null };

/** The oldest deliveries that a mute holds. */
export async function mutedDeliveries(sql: Sql, source: string, limit: number): Promise<MutedDelivery[]> {
  const rows = await sql(
    `SELECT ${DELIVERY}, m.from_id, m.pool_id FROM deliveries d JOIN messages m ON m.message_id = d.message_id
     WHERE d.state = 'held' AND d.held_by IS NOT NULL AND d.held_by = $1 ORDER BY d.seq LIMIT $2`,
    source,
    limit,
  );
  return rows.map((row) => ({
    from_id: text(row, "from_id"),
    pool_id: textOrNull(row, "pool_id"),
    ...toDelivery(row),
  }));
}

/** Stores which mute holds a delivery. */
export async function setHeldBy(sql: Sql, { message_id, peer_id }: DeliveryRow, source: string | null): Promise<void> {
  await sql("UPDATE deliveries SET held_by = $3 WHERE message_id = $1 AND peer_id = $2", message_id, peer_id, source);
}

/** Ends the mutes of peers that are removed: what they hold waits for a decision of the operator, as by a policy. */
export async function leaveMutes(sql: Sql, peerIds: readonly string[]): Promise<void> {
  const ids = placeholders(peerIds.length);
  await sql(
    `UPDATE deliveries SET held_by = NULL WHERE state = 'held' AND held_by IS NOT NULL AND held_by IN (${ids})`,
    ...peerIds,
  );
  await sql(`DELETE FROM mutes WHERE source IN (${ids})`, ...peerIds);
}
