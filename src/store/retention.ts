/** Retention: finding and deleting old messages, notes and proposals. */

import { type DeliveryState, deliveryStates } from "../rules/delivery.ts";
import { FAILED_STATES } from "./messages.ts";
import { integer, integerOrNull, oneOf, placeholders, text } from "./row.ts";
import { forgetWords } from "./search.ts";
import type { Row, Sql } from "./store.ts";

export interface MessageKey {
  message_id: string;
  /** Its sequence number. */
  seq: number;
  sent_at: number;
}

export interface DeliveryStateRow {
  message_id: string;
  state: DeliveryState;
  delivered_at: number | null;
  read_at: number | null;
  expires_at: number | null;
}

const toKey = (row: Row): MessageKey => ({
  message_id: text(row, "message_id"),
  seq: integer(row, "seq"),
  sent_at: integer(row, "sent_at"),
});

/** The next messages with a sequence number between `after` and `before`. */
export async function messagesBetween(sql: Sql, after: number, before: number, limit: number): Promise<MessageKey[]> {
  const rows = await sql(
    "SELECT message_id, seq, sent_at FROM messages WHERE seq > $1 AND seq < $2 ORDER BY seq LIMIT $3",
    after,
    before,
    limit,
  );
  return rows.map(toKey);
}

/** The same for deliveries that ended unread; a message appears once per delivery. */
export async function failedBetween(sql: Sql, after: number, before: number, limit: number): Promise<MessageKey[]> {
  const rows = await sql(
    `SELECT d.message_id, d.seq, m.sent_at FROM deliveries d JOIN messages m ON m.message_id = d.message_id
     WHERE d.state IN ${FAILED_STATES} AND d.seq > $1 AND d.seq < $2 ORDER BY d.seq LIMIT $3`,
    after,
    before,
    limit,
  );
  return rows.map(toKey);
}

/** The states of the deliveries of these messages, as far as they can change. */
export async function deliveryStatesOf(sql: Sql, messageIds: readonly string[]): Promise<DeliveryStateRow[]> {
  if (messageIds.length === 0) return [];
  const rows = await sql(
    // What was shown to a peer that is removed since will not be confirmed as read any more.
    `SELECT d.message_id, CASE WHEN d.state = 'delivered' AND p.removed_at IS NOT NULL THEN 'read' ELSE d.state END AS state,
       d.delivered_at, d.read_at, d.expires_at
     FROM deliveries d JOIN peers p ON p.peer_id = d.peer_id WHERE d.message_id IN (${placeholders(messageIds.length)})`,
    ...messageIds,
  );
  return rows.map((row) => ({
    message_id: text(row, "message_id"),
    state: oneOf(row, "state", deliveryStates),
    delivered_at: integerOrNull(row, "delivered_at"),
    read_at: integerOrNull(row, "read_at"),
    expires_at: integerOrNull(row, "expires_at"),
  }));
}

/** Deletes messages with their deliveries. */
export async function deleteMessages(sql: Sql, messageIds: readonly string[]): Promise<void> {
  if (messageIds.length === 0) return;
  const ids = placeholders(messageIds.length);
  await forgetWords(sql, messageIds);
  await sql(`DELETE FROM deliveries WHERE message_id IN (${ids})`, ...messageIds);
  await sql(`DELETE FROM messages WHERE message_id IN (${ids})`, ...messageIds);
}

/** Deletes notes older than `before`, oldest first; returns how many. */
export async function deleteNotes(sql: Sql, before: number, limit: number): Promise<number> {
  const rows = await sql(
    `DELETE FROM notes WHERE note_id IN (SELECT n.note_id FROM notes n WHERE n.at <= $1 ORDER BY n.at LIMIT $2)
     RETURNING note_id`,
    before,
    limit,
  );
  return rows.length;
}

/** Deletes proposals decided before `before`, with their ballots; returns how many. */
export async function deleteProposals(sql: Sql, before: number, limit: number): Promise<number> {
  const rows = await sql(
    "SELECT proposal_id FROM proposals WHERE decided_at IS NOT NULL AND decided_at <= $1 ORDER BY decided_at LIMIT $2",
    before,
    limit,
  );
  if (rows.length === 0) return 0;
  const ids = rows.map((row) => text(row, "proposal_id"));
  const list = placeholders(ids.length);
  await sql(`DELETE FROM ballots WHERE proposal_id IN (${list})`, ...ids);
  await sql(`DELETE FROM proposals WHERE proposal_id IN (${list})`, ...ids);
  return ids.length;
}

/** The cursor of a retention round: the sequence number to continue after, and when it was stored. */
export async function findCursor(sql: Sql, kind: string): Promise<{ seq: number; at: number } | undefined> {
  const [row] = await sql("SELECT seq, at FROM clearings WHERE kind = $1", kind);
  return row && { seq: integer(row, "seq"), at: integer(row, "at") };
}

export async function putCursor(sql: Sql, kind: string, seq: number, now: number): Promise<void> {
  await sql(
    `INSERT INTO clearings (kind, seq, at) VALUES ($1, $2, $3)
     ON CONFLICT (kind) DO UPDATE SET seq = excluded.seq, at = excluded.at`,
    kind,
    seq,
    now,
  );
}
