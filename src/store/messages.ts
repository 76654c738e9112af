/** Statements about messages and their deliveries. */
import { type Delivery, deliveryStates, type Urgency, urgencies } from "../rules/delivery.ts";
import { idLists, integer, integerOrNull, oneOf, placeholders, text, textOrNull } from "./row.ts";
import type { Row, Sql } from "./store.ts";

export interface Message {
  message_id: string;
  /** The sequence number: the send time in microseconds, or slightly ahead of it. */
  seq: number;
  from_id: string;
  from_name: string;
  to_address: string;
  thread_id: string;
  reply_to: string | null;
  urgency: Urgency;
  text: string;
  sent_at: number;
  expires_at: number | null;
  hops: number;
  /** The pool it was sent to. */
  pool_id: string | null;
  /** The id of the recipient peer or pool. */
  target: string;
}

/** What a new message has besides: it is stored for guards and reports, and never shown. */
export interface Charging {
  /** For a report: the peer whose call caused it; `null` for the operator and the clock. */
  cause: string | null;
  /** How many messages it counts as. */
  charge: number;
}

/** What a new delivery has besides. */
export interface DeliveryCharging {
  /** The peer whose share of the mailbox it uses; `null` for the operator and the clock. */
  payer: string | null;
  /** What a report is about. */
  topic: string | null;
}

/** A delivery with its keys. */
export interface DeliveryRow extends Delivery {
  message_id: string;
  peer_id: string;
  /** The message's sequence number. */
  seq: number;
}

/** A message for one recipient. `pool`: the name of its pool; `from_host`: the sender's machine. */
export type Mail = Message & { pool: string | null; from_host: string | null; delivery: DeliveryRow };

/**
 * Open deliveries `d`. Repeat this term beside a narrower one, as in `d.state = 'queued' AND ${OPEN}`: SQLite uses a partial
 * index only if the query contains the condition of the index.
 */
export const OPEN = "d.state IN ('queued', 'claimed', 'delivered')";

/** Columns of a message `m`. */
export const MESSAGE =
  "m.message_id, m.seq, m.from_id, m.from_name, m.to_address, m.thread_id, m.reply_to, m.urgency, m.text, m.sent_at, m.expires_at, m.hops, m.pool_id, m.target";
/** Columns of a delivery `d`. */
export const DELIVERY =
  "d.message_id, d.peer_id, d.seq, d.state, d.attempt, d.leased_at, d.redelivered, d.lost, d.delivered_at, d.read_at, d.expires_at, d.reason";

export function toMessage(row: Row): Message {
  return {
    message_id: text(row, "message_id"),
    seq: integer(row, "seq"),
    from_id: text(row, "from_id"),
    from_name: text(row, "from_name"),
    to_address: text(row, "to_address"),
    thread_id: text(row, "thread_id"),
    reply_to: textOrNull(row, "reply_to"),
    urgency: oneOf(row, "urgency", urgencies),
    text: text(row, "text"),
    sent_at: integer(row, "sent_at"),
    expires_at: integerOrNull(row, "expires_at"),
    hops: integer(row, "hops"),
    pool_id: textOrNull(row, "pool_id"),
    target: text(row, "target"),
  };
}

export function toDelivery(row: Row): DeliveryRow {
  return {
    message_id: text(row, "message_id"),
    peer_id: text(row, "peer_id"),
    seq: integer(row, "seq"),
    state: oneOf(row, "state", deliveryStates),
    attempt: integer(row, "attempt"),
    leased_at: integerOrNull(row, "leased_at"),
    redelivered: integer(row, "redelivered") === 1,
    lost: integer(row, "lost"),
    delivered_at: integerOrNull(row, "delivered_at"),
    read_at: integerOrNull(row, "read_at"),
    expires_at: integerOrNull(row, "expires_at"),
    reason: textOrNull(row, "reason"),
  };
}

/** Stores a message. `answer`: the response to its sender, returned again when the same message_id is repeated. */
export async function insertMessage(sql: Sql, message: Message & Charging, answer: string): Promise<void> {
  await sql(
    `INSERT INTO messages (message_id, seq, from_id, from_name, to_address, thread_id, reply_to, urgency, text, sent_at, expires_at, hops, pool_id, target, answer, cause, charge)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
    message.message_id,
    message.seq,
    message.from_id,
    message.from_name,
    message.to_address,
    message.thread_id,
    message.reply_to,
    message.urgency,
    message.text,
    message.sent_at,
    message.expires_at,
    message.hops,
    message.pool_id,
    message.target,
    answer,
    message.cause,
    message.charge,
  );
}

/** Stores new deliveries of a message that differ only in their recipients. */
export async function insertDeliveries(
  sql: Sql,
  message: Message,
  peerIds: readonly string[],
  delivery: Pick<Delivery, "state" | "expires_at" | "reason"> & DeliveryCharging,
): Promise<void> {
  for (const ids of idLists(peerIds)) {
    await sql(
      `INSERT INTO deliveries (message_id, peer_id, seq, state, attempt, leased_at, redelivered, delivered_at, read_at, expires_at, lost, reason, payer, topic)
       SELECT CAST($1 AS TEXT), p.peer_id, CAST($2 AS BIGINT), CAST($3 AS TEXT), 0, NULL, 0, NULL, NULL, CAST($4 AS BIGINT), 0, CAST($5 AS TEXT), CAST($6 AS TEXT), CAST($7 AS TEXT)
       FROM peers p WHERE p.peer_id IN (${placeholders(ids.length, 8)})`,
      message.message_id,
      message.seq,
      delivery.state,
      delivery.expires_at,
      delivery.reason,
      delivery.payer,
      delivery.topic,
      ...ids,
    );
  }
}

/** Takes back the reports on a topic that still wait for these peers. They stay in their pool's history. */
export async function withdrawReports(sql: Sql, topic: string, peerIds: readonly string[]): Promise<void> {
  if (peerIds.length === 0) return;
  await sql(
    `DELETE FROM deliveries WHERE topic = $1 AND state = 'queued' AND peer_id IN (${placeholders(peerIds.length, 2)})`,
    topic,
    ...peerIds,
  );
}

/** Stores the new state of a delivery. */
export async function updateDelivery(sql: Sql, d: DeliveryRow): Promise<void> {
  await sql(
    `UPDATE deliveries SET state = $3, attempt = $4, leased_at = $5, redelivered = $6, delivered_at = $7, read_at = $8,
       lost = $9, expires_at = $10, reason = $11
     WHERE message_id = $1 AND peer_id = $2`,
    d.message_id,
    d.peer_id,
    d.state,
    d.attempt,
    d.leased_at,
    d.redelivered ? 1 : 0,
    d.delivered_at,
    d.read_at,
    d.lost,
    d.expires_at,
    d.reason,
  );
}

export async function findMessage(sql: Sql, messageId: string): Promise<(Message & { answer: string }) | undefined> {
  const [row] = await sql(`SELECT ${MESSAGE}, m.answer FROM messages m WHERE m.message_id = $1`, messageId);
  return row && { ...toMessage(row), answer: text(row, "answer") };
}

export async function findDelivery(sql: Sql, messageId: string, peerId: string): Promise<DeliveryRow | undefined> {
  const [row] = await sql(
    `SELECT ${DELIVERY} FROM deliveries d WHERE d.message_id = $1 AND d.peer_id = $2`,
    messageId,
    peerId,
  );
  return row && toDelivery(row);
}

/** The highest sequence number in use; 0 before the first message. */
export async function lastSeq(sql: Sql): Promise<number> {
  const [row] = await sql("SELECT coalesce(max(seq), 0) AS seq FROM messages");
  return row ? integer(row, "seq") : 0;
}

/** A filter for queued mail. */
type MailFilter = "all" | "interrupt";

/** A peer's queued, unexpired mail: interrupts first, then in the order of sending. */
export async function queuedMail(
  sql: Sql,
  peerId: string,
  which: MailFilter,
  now: number,
  limit: number,
): Promise<Mail[]> {
  const rows = await sql(
    `SELECT ${MESSAGE}, p.name AS pool, s.host AS from_host, d.peer_id, d.state, d.attempt, d.leased_at, d.redelivered, d.lost, d.delivered_at, d.read_at, d.reason,
       d.expires_at AS due
     FROM deliveries d JOIN messages m ON m.message_id = d.message_id LEFT JOIN pools p ON p.pool_id = m.pool_id
       LEFT JOIN peers s ON s.peer_id = m.from_id
     WHERE d.peer_id = $1 AND d.state = 'queued' AND ${OPEN}
       AND (d.expires_at IS NULL OR d.expires_at > $2) AND (m.urgency = 'interrupt' OR $3 = 'all')
     ORDER BY CASE m.urgency WHEN 'interrupt' THEN 0 ELSE 1 END, d.seq LIMIT $4`,
    peerId,
    now,
    which,
    limit,
  );
  return rows.map((row) => ({
    ...toMessage(row),
    pool: textOrNull(row, "pool"),
    from_host: textOrNull(row, "from_host"),
    // A resent message has no deadline on its delivery; the message keeps the original one.
    delivery: toDelivery({ ...row, expires_at: row.due ?? null }),
  }));
}

/** A peer's deliveries in the given open states. */
export async function openDeliveries(
  sql: Sql,
  peerId: string,
  wanted: readonly ("queued" | "claimed" | "delivered")[],
): Promise<DeliveryRow[]> {
  const rows = await sql(
    `SELECT ${DELIVERY} FROM deliveries d
     WHERE d.peer_id = $1 AND ${OPEN} AND d.state IN (${placeholders(wanted.length, 2)})`,
    peerId,
    ...wanted,
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

export type RecipientRow = DeliveryRow & { name: string; host: string; isRemoved: boolean };

/** The deliveries of the given messages, with the recipients' names. */
export async function recipientsOf(sql: Sql, messageIds: readonly string[]): Promise<RecipientRow[]> {
  if (messageIds.length === 0) return [];
  const rows = await sql(
    `SELECT ${DELIVERY}, p.name, p.host, p.removed_at FROM deliveries d JOIN peers p ON p.peer_id = d.peer_id
     WHERE d.message_id IN (${placeholders(messageIds.length)}) ORDER BY p.name`,
    ...messageIds,
  );
  return rows.map((row) => ({
    ...toDelivery(row),
    name: text(row, "name"),
    host: text(row, "host"),
    isRemoved: integerOrNull(row, "removed_at") !== null,
  }));
}
