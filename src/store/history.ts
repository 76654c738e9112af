/** Queries over sent messages, newest first, for pools, peers and failures. */
import { MESSAGE, type Message, toMessage } from "./messages.ts";
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

/** Messages before `beforeSeq` with a delivery that ended unread; `fromId`: only of that sender. */
export async function failedMessages(
  sql: Sql,
  fromId: string | undefined,
  beforeSeq: number,
  limit: number,
): Promise<Message[]> {
  const rows = await sql(
    `SELECT ${MESSAGE} FROM messages m WHERE m.seq < $1 AND m.from_id <> 'cct' AND (m.from_id = $2 OR $2 = '')
       AND m.seq IN (SELECT d.seq FROM deliveries d WHERE d.state IN ('dead', 'expired', 'refused'))
     ORDER BY m.seq DESC LIMIT $3`,
    beforeSeq,
    fromId ?? "",
    limit,
  );
  return rows.map(toMessage);
}

/**
 * Messages before `beforeSeq` that all of `peerIds` took part in, as sender or recipient; without peers, all messages. The
 * query starts from the first peer's messages, because scanning all would be slow for a peer with few.
 */
export async function history(
  sql: Sql,
  peerIds: readonly string[],
  beforeSeq: number,
  limit: number,
): Promise<Message[]> {
  const [first, ...others] = peerIds;
  const newest = others.length === 0 ? "ORDER BY seq DESC LIMIT $2" : "";
  const own = `AND m.seq IN (
    SELECT seq FROM (SELECT seq FROM messages WHERE from_id = $3 AND seq < $1 ${newest}) sent
    UNION SELECT seq FROM (SELECT seq FROM deliveries WHERE peer_id = $3 AND seq < $1 ${newest}) received)`;
  const involves = others.map(
    (_, i) =>
      `AND (m.from_id = $${i + 4} OR EXISTS (SELECT 1 FROM deliveries d WHERE d.message_id = m.message_id AND d.peer_id = $${i + 4}))`,
  );
  const rows = await sql(
    `SELECT ${MESSAGE} FROM messages m WHERE m.seq < $1 ${first === undefined ? "" : own} ${involves.join(" ")}
     ORDER BY m.seq DESC LIMIT $2`,
    beforeSeq,
    limit,
    ...peerIds,
  );
  return rows.map(toMessage);
}
