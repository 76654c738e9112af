/** Statements about messages and their deliveries. */
import { type Delivery, deliveryStates, type Urgency, urgencies } from "../rules/delivery.ts";
import { byLength, idLists, integer, integerOrNull, oneOf, placeholders, text, textOrNull } from "./row.ts";
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
  /** The mute that holds it. */
  held_by: string | null;
}

/** A delivery with its keys. */
export interface DeliveryRow extends Delivery {
  message_id: string;
  peer_id: string;
  /** The message's sequence number. */
  seq: number;
}

/** A message for one recipient. `pool`: the name of its pool; `from_host` and `from_device`: the sender's machine. */
export type Mail = Message & {
  pool: string | null;
  from_host: string | null;
  from_device: string | null;
  delivery: DeliveryRow;
};

/**
 * Open deliveries `d`. Repeat this term beside a narrower one, as in `d.state = 'queued' AND ${OPEN}`: SQLite uses a partial
 * index only if the query contains the condition of the index.
 */
export const OPEN = "d.state IN ('queued', 'claimed', 'delivered')";

/**
 * Mail `d` that has not expired at `$2`. Without OR: for that, PostgreSQL may look up all of a peer's mail, where the order of the
 * index leads to the first.
 */
const UNEXPIRED = `coalesce(d.expires_at, ${Number.MAX_SAFE_INTEGER}) > $2`;

/** States of deliveries that ended unread, for `IN`. */
export const FAILED_STATES = "('dead', 'expired', 'refused')";

/** Conditions of mail `d`: not delivered yet, held by a policy, and queued without having expired at `$2`. */
export const UNDELIVERED = `d.state IN ('queued', 'claimed') AND ${OPEN}`;
export const HELD = "d.state = 'held'";
export const READY = `d.state = 'queued' AND ${OPEN} AND ${UNEXPIRED}`;

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
export async function insertMessage(
  sql: Sql,
  message: Message,
  { cause, charge }: Charging,
  answer: string,
): Promise<void> {
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
    cause,
    charge,
  );
}

const INTO_DELIVERIES =
  "INSERT INTO deliveries (message_id, seq, state, expires_at, reason, payer, topic, rank, characters, held_by, peer_id, attempt, redelivered, lost)";

/** Most messages have one recipient. Without a statement of many rows and its journal, SQLite takes three quarters of the time. */
const INSERT_DELIVERY = `${INTO_DELIVERIES} VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 0, 0)`;

const INSERT_DELIVERIES = byLength(
  (count) => `${INTO_DELIVERIES}
   SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($5 AS TEXT), CAST($6 AS TEXT), CAST($7 AS TEXT),
     CAST($8 AS BIGINT), CAST($9 AS BIGINT), CAST($10 AS TEXT), p.peer_id, 0, 0, 0
   FROM peers p WHERE p.peer_id IN (${placeholders(count, 11)})`,
);

/** Stores new deliveries of a message that differ only in their recipients. */
export async function insertDeliveries(
  sql: Sql,
  message: Message,
  peerIds: readonly string[],
  delivery: Pick<Delivery, "state" | "expires_at" | "reason"> & DeliveryCharging,
): Promise<void> {
  for (const ids of idLists(peerIds)) {
    await sql(
      ids.length === 1 ? INSERT_DELIVERY : INSERT_DELIVERIES(ids.length),
      message.message_id,
      message.seq,
      delivery.state,
      delivery.expires_at,
      delivery.reason,
      delivery.payer,
      delivery.topic,
      message.urgency === "interrupt" ? 0 : 1,
      message.text.length,
      delivery.held_by,
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

/** Stores the new state of a delivery. Which mute holds it is forgotten when it is not held any more. */
export async function updateDelivery(sql: Sql, d: DeliveryRow): Promise<void> {
  await sql(
    `UPDATE deliveries SET state = $3, attempt = $4, leased_at = $5, redelivered = $6, delivered_at = $7, read_at = $8,
       lost = $9, expires_at = $10, reason = $11, held_by = CASE WHEN $3 = 'held' THEN held_by END
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
  return row && { answer: text(row, "answer"), ...toMessage(row) };
}

export async function findDelivery(sql: Sql, messageId: string, peerId: string): Promise<DeliveryRow | undefined> {
  const [row] = await sql(
    `SELECT ${DELIVERY} FROM deliveries d WHERE d.message_id = $1 AND d.peer_id = $2`,
    messageId,
    peerId,
  );
  return row && toDelivery(row);
}

/**
 * The highest sequence number in use; 0 before the first message. On SQLite at least where the indexed part ends, also when its last
 * messages were deleted and the clock was set back: what is sent must come behind it.
 */
export async function lastSeq(sql: Sql): Promise<number> {
  const [row] = await sql(
    `SELECT coalesce(max(seq), 0) AS seq FROM
       (SELECT max(seq) AS seq FROM messages{{sqlite}} UNION ALL SELECT to_seq FROM indexed_part{{postgres}}{{end}}) used`,
  );
  return row ? integer(row, "seq") : 0;
}

/** A filter for queued mail. */
type MailFilter = "all" | "interrupt";

const SELECT_MAIL = `SELECT ${MESSAGE}, p.name AS pool, s.host AS from_host, s.device_id AS from_device, d.peer_id, d.state,
    d.attempt, d.leased_at, d.redelivered, d.lost, d.delivered_at, d.read_at, d.reason, d.expires_at AS due
  FROM deliveries d JOIN messages m ON m.message_id = d.message_id LEFT JOIN pools p ON p.pool_id = m.pool_id
    LEFT JOIN peers s ON s.peer_id = m.from_id`;

function toMail(row: Row): Mail {
  return {
    pool: textOrNull(row, "pool"),
    from_host: textOrNull(row, "from_host"),
    from_device: textOrNull(row, "from_device"),
    // A resent message has no deadline on its delivery; the message keeps the original one.
    delivery: toDelivery({ ...row, expires_at: row.due ?? null }),
    ...toMessage(row),
  };
}

/** A peer's queued, unexpired mail: interrupts first, then in the order of sending. */
export async function queuedMail(
  sql: Sql,
  peerId: string,
  which: MailFilter,
  now: number,
  limit: number,
): Promise<Mail[]> {
  const rows = await sql(
    `${SELECT_MAIL} WHERE d.peer_id = $1 AND d.state = 'queued' AND ${OPEN}
       AND ${UNEXPIRED} AND d.rank <= $3
     ORDER BY d.rank, d.seq LIMIT $4`,
    peerId,
    now,
    which === "all" ? 1 : 0,
    limit,
  );
  return rows.map(toMail);
}

/** A message as this peer got it, in whatever state its delivery is. */
export async function mailFor(sql: Sql, peerId: string, messageId: string): Promise<Mail | undefined> {
  const [row] = await sql(`${SELECT_MAIL} WHERE d.peer_id = $1 AND d.message_id = $2`, peerId, messageId);
  return row && toMail(row);
}
