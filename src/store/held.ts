/** Statements about mail that mailboxes hold by policy. */
import { hasDigits } from "./history.ts";
import { DELIVERY, type DeliveryRow, MESSAGE, type Message, toDelivery, toMessage } from "./messages.ts";
import { integer, integerOrNull, placeholders, text } from "./row.ts";
import type { Sql } from "./store.ts";

/** A message that a mailbox holds by policy. */
export interface HeldMail {
  message_id: string;
  peer_id: string;
  seq: number;
  /** The name of the mailbox's peer. */
  name: string;
  message: Message;
  expires_at: number | null;
}

/** One page of held mail, oldest first, of one peer or of all. */
export async function heldMail(
  sql: Sql,
  peerId: string | undefined,
  after: { seq: number; peer_id: string } | undefined,
  limit: number,
): Promise<HeldMail[]> {
  const rows = await sql(
    `SELECT ${MESSAGE}, d.peer_id, p.name, d.expires_at AS due FROM deliveries d
       JOIN messages m ON m.message_id = d.message_id JOIN peers p ON p.peer_id = d.peer_id
     WHERE d.state = 'held' AND (d.seq > $1 OR (d.seq = $1 AND d.peer_id > $2)) ${peerId === undefined ? "" : "AND d.peer_id = $4"}
     ORDER BY d.seq, d.peer_id LIMIT $3`,
    after?.seq ?? -1,
    after?.peer_id ?? "",
    limit,
    ...(peerId === undefined ? [] : [peerId]),
  );
  return rows.map((row) => ({
    message_id: text(row, "message_id"),
    peer_id: text(row, "peer_id"),
    seq: integer(row, "seq"),
    name: text(row, "name"),
    message: toMessage(row),
    expires_at: integerOrNull(row, "due"),
  }));
}

/** The deliveries that a peer's mailbox holds by policy, oldest first, up to 500. */
export async function heldDeliveries(sql: Sql, peerId: string): Promise<DeliveryRow[]> {
  const rows = await sql(
    `SELECT ${DELIVERY} FROM deliveries d WHERE d.state = 'held' AND d.peer_id = $1 ORDER BY d.seq LIMIT 500`,
    peerId,
  );
  return rows.map(toDelivery);
}

/** `isWithheld`, of a delivery `d`. */
export const WITHHELD = "(d.state IN ('held', 'refused') OR (d.state IN ('expired', 'dead') AND d.attempt = 0))";

/** Which of these messages are withheld from a peer that is their recipient. */
export async function withheldFrom(sql: Sql, peerId: string, messageIds: readonly string[]): Promise<Set<string>> {
  if (messageIds.length === 0) return new Set();
  const rows = await sql(
    `SELECT d.message_id FROM deliveries d JOIN messages m ON m.message_id = d.message_id
     WHERE d.peer_id = $1 AND m.from_id <> $1 AND ${WITHHELD} AND d.message_id IN (${placeholders(messageIds.length, 2)})`,
    peerId,
    ...messageIds,
  );
  return new Set(rows.map((row) => text(row, "message_id")));
}

/** The held deliveries of one message. */
export async function holdersOf(sql: Sql, messageId: string): Promise<DeliveryRow[]> {
  const rows = await sql(
    `SELECT ${DELIVERY} FROM deliveries d WHERE d.message_id = $1 AND d.state = 'held' ORDER BY d.peer_id`,
    messageId,
  );
  return rows.map(toDelivery);
}

/** The ids of held messages that a short id can mean, up to 50. */
export async function heldIds(sql: Sql, part: string): Promise<string[]> {
  const digits = part.toLowerCase();
  const rows = await sql(
    `SELECT DISTINCT d.message_id FROM deliveries d WHERE d.state = 'held' AND ${hasDigits("d.message_id")} LIMIT 50`,
    digits,
    digits.length,
  );
  return rows.map((row) => text(row, "message_id"));
}
