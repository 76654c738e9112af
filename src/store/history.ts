/** Queries over sent messages, newest first. */
import { type DeliveryState, deliveryStates } from "../rules/delivery.ts";
import { FAILED_STATES, MESSAGE, type Message, toMessage } from "./messages.ts";
import { idLists, integer, oneOf, placeholders, text } from "./row.ts";
import type { Sql } from "./store.ts";

/** The newest messages of a pool. */
export async function messagesOfPool(sql: Sql, poolId: string, limit: number): Promise<Message[]> {
  const rows = await sql(
    `SELECT ${MESSAGE} FROM messages m WHERE m.pool_id = $1 ORDER BY m.seq DESC LIMIT $2`,
    poolId,
    limit,
  );
  return rows.map(toMessage);
}

/** How many deliveries of each of these messages are in each state. */
export async function countStates(
  sql: Sql,
  messageIds: readonly string[],
): Promise<{ message_id: string; state: DeliveryState; recipients: number }[]> {
  const counts = [];
  for (const ids of idLists(messageIds)) {
    const rows = await sql(
      `SELECT d.message_id, d.state, count(*) AS recipients FROM deliveries d
       WHERE d.message_id IN (${placeholders(ids.length)}) GROUP BY d.message_id, d.state ORDER BY d.message_id, d.state`,
      ...ids,
    );
    for (const row of rows)
      counts.push({
        message_id: text(row, "message_id"),
        state: oneOf(row, "state", deliveryStates),
        recipients: integer(row, "recipients"),
      });
  }
  return counts;
}

/** Whether a message's id has the digits `$1`, which are `$2` many, at its beginning or where a UUID's last eight digits begin. */
export const hasDigits = (id: string): string =>
  `(lower(substr(${id}, 1, CAST($2 AS INTEGER))) = $1 OR substr(${id}, 29, CAST($2 AS INTEGER)) = $1)`;

/** Messages that a short id is looked for in, newest first: of each peer that sent or received them, and of all. */
const RECENT = 1_000;
const RECENT_OF_ALL = 10_000;

/**
 * The ids of recent messages that contain `part`, in any case, at their beginning or where a UUID's last eight digits begin, up
 * to 50. Of one peer: of those that it sent or received. No index has the digits, so only recent messages are searched.
 */
export async function recentIds(sql: Sql, peerId: string | undefined, part: string): Promise<string[]> {
  const digits = part.toLowerCase();
  const rows =
    peerId === undefined
      ? await sql(
          `SELECT r.message_id FROM (SELECT message_id FROM messages ORDER BY seq DESC LIMIT ${RECENT_OF_ALL}) r
           WHERE ${hasDigits("r.message_id")} LIMIT 50`,
          digits,
          digits.length,
        )
      : await sql(
          `SELECT r.message_id FROM (
             SELECT s.message_id FROM (SELECT message_id FROM messages WHERE from_id = $3 ORDER BY seq DESC LIMIT ${RECENT}) s
             UNION SELECT d.message_id FROM (SELECT message_id FROM deliveries WHERE peer_id = $3 ORDER BY seq DESC LIMIT ${RECENT}) d
           ) r WHERE ${hasDigits("r.message_id")} LIMIT 50`,
          digits,
          digits.length,
          peerId,
        );
  return rows.map((row) => text(row, "message_id"));
}

/** The same among the messages that ended unread. */
export async function failedIds(sql: Sql, part: string): Promise<string[]> {
  const digits = part.toLowerCase();
  const rows = await sql(
    `SELECT DISTINCT r.message_id FROM (
       SELECT d.message_id FROM deliveries d WHERE d.state IN ${FAILED_STATES} ORDER BY d.seq DESC LIMIT ${RECENT_OF_ALL}
     ) r WHERE ${hasDigits("r.message_id")} LIMIT 50`,
    digits,
    digits.length,
  );
  return rows.map((row) => text(row, "message_id"));
}

/** The newest of the recent messages that a peer was given: from this peer, or in this pool. */
export async function lastReceived(
  sql: Sql,
  peerId: string,
  from: { pool_id: string } | { peer_id: string },
): Promise<Message | undefined> {
  const [column, id] = "pool_id" in from ? ["pool_id", from.pool_id] : ["from_id", from.peer_id];
  const [row] = await sql(
    `SELECT ${MESSAGE} FROM (
       SELECT message_id, seq FROM deliveries WHERE peer_id = $1 AND state IN ('claimed', 'delivered', 'read')
       ORDER BY seq DESC LIMIT ${RECENT}
     ) d JOIN messages m ON m.message_id = d.message_id WHERE m.${column} = $2 ORDER BY d.seq DESC LIMIT 1`,
    peerId,
    id,
  );
  return row && toMessage(row);
}
