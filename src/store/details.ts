/** Statements about one message: how it came to each recipient, and the replies to it. */
import { type DeliveryMethod, deliveryMethods } from "../rules/delivery.ts";
import { DELIVERY, type Message, toDelivery } from "./messages.ts";
import type { RecipientRow } from "./recipients.ts";
import { integer, integerOrNull, oneOf, text, textOrNull } from "./row.ts";
import type { Sql } from "./store.ts";

/** The deliveries of a message by the names of their recipients. `via`: how the host took it. */
export async function detailsOf(
  sql: Sql,
  messageId: string,
  limit: number,
): Promise<(RecipientRow & { via: DeliveryMethod | null })[]> {
  const rows = await sql(
    `SELECT ${DELIVERY}, d.via, p.name, p.host, p.removed_at FROM deliveries d JOIN peers p ON p.peer_id = d.peer_id
     WHERE d.message_id = $1 ORDER BY p.name, p.peer_id LIMIT $2`,
    messageId,
    limit,
  );
  return rows.map((row) => ({
    via: textOrNull(row, "via") === null ? null : oneOf(row, "via", deliveryMethods),
    name: text(row, "name"),
    host: text(row, "host"),
    isRemoved: integerOrNull(row, "removed_at") !== null,
    ...toDelivery(row),
  }));
}

/** The first replies to a message. They are looked for among what was sent to its sender, or in its pool, after it. */
export async function repliesTo(
  sql: Sql,
  { message_id, seq, pool_id, from_id }: Message,
  limit: number,
): Promise<{ message_id: string; from_name: string; sent_at: number }[]> {
  const columns = "m.message_id, m.from_name, m.sent_at, m.seq";
  const rows = await sql(
    `SELECT message_id, from_name, sent_at FROM (
       SELECT ${columns} FROM deliveries d JOIN messages m ON m.message_id = d.message_id
       WHERE d.peer_id = $1 AND d.seq > $2 AND m.reply_to = $3
       UNION SELECT ${columns} FROM messages m WHERE m.pool_id = $4 AND m.pool_id IS NOT NULL AND m.seq > $2 AND m.reply_to = $3
     ) r ORDER BY seq LIMIT $5`,
    from_id,
    seq,
    message_id,
    pool_id,
    limit,
  );
  return rows.map((row) => ({
    message_id: text(row, "message_id"),
    from_name: text(row, "from_name"),
    sent_at: integer(row, "sent_at"),
  }));
}
