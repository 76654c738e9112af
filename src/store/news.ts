/** Statements about the changes of a pool's membership, and how far each member has been told of them. */
import { type Change, changes, type News } from "../rules/news.ts";
import { integer, oneOf, text } from "./row.ts";
import type { Sql } from "./store.ts";

/**
 * Gives a stored report the pool's next number. The update locks the pool's row, so numbers are committed in their order: a
 * reader that sees a number sees all lower ones.
 */
export async function numberNews(
  sql: Sql,
  poolId: string,
  messageId: string,
  about: string,
  change: Change,
): Promise<void> {
  const [row] = await sql("UPDATE pools SET news = news + 1 WHERE pool_id = $1 RETURNING news", poolId);
  if (!row) return;
  const number = integer(row, "news");
  await sql(
    "UPDATE messages SET news = $2, about = $3, change = $4 WHERE message_id = $1",
    messageId,
    number,
    about,
    change,
  );
  // What was before is not news for a newcomer.
  if (change === "joined") await markTold(sql, { pool_id: poolId, last: number }, about);
}

/** A pool with changes that one of its members was not told. */
export interface Untold {
  pool_id: string;
  name: string;
  /** The last number that the member was told, and the last that there is. */
  told: number;
  last: number;
  joined_at: number;
}

/** The pools of a peer with changes that it was not told. A released member gets nothing of its pool any more. */
export async function untoldPools(sql: Sql, peerId: string, limit: number): Promise<Untold[]> {
  const rows = await sql(
    `SELECT p.pool_id, p.name, p.news, m.told, m.joined_at FROM members m JOIN pools p ON p.pool_id = m.pool_id
     WHERE m.peer_id = $1 AND m.left_at IS NULL AND m.releasing_until IS NULL AND p.news > m.told
     ORDER BY p.pool_id LIMIT $2`,
    peerId,
    limit,
  );
  return rows.map((row) => ({
    pool_id: text(row, "pool_id"),
    name: text(row, "name"),
    told: integer(row, "told"),
    last: integer(row, "news"),
    joined_at: integer(row, "joined_at"),
  }));
}

/**
 * The changes of a pool that a member was not told, since `since`: of each peer the last one, and whether it became lead.
 * Not those that the member caused, or that are about itself: of these it was told at once.
 */
export async function newsSince(
  sql: Sql,
  { pool_id, told, last }: Untold,
  peerId: string,
  since: number,
): Promise<News[]> {
  const rows = await sql(
    `SELECT coalesce(w.name, m.about) AS name, m.change, m.text FROM messages m LEFT JOIN peers w ON w.peer_id = m.about
     WHERE m.pool_id = $1 AND m.news IN (
       SELECT max(n.news) FROM messages n
       WHERE n.pool_id = $1 AND n.news > $2 AND n.news <= $3 AND n.sent_at >= $4
       GROUP BY n.about, CASE WHEN n.change = 'lead' THEN 1 ELSE 0 END)
       AND m.about <> $5 AND (m.cause IS NULL OR m.cause <> $5)
     ORDER BY m.news`,
    pool_id,
    told,
    last,
    since,
    peerId,
  );
  return rows.map((row) => ({
    name: text(row, "name"),
    change: oneOf(row, "change", changes),
    text: text(row, "text"),
  }));
}

/** Records how far a member was told. */
export async function markTold(
  sql: Sql,
  { pool_id, last }: Pick<Untold, "pool_id" | "last">,
  peerId: string,
): Promise<void> {
  await sql("UPDATE members SET told = $3 WHERE pool_id = $1 AND peer_id = $2", pool_id, peerId, last);
}
