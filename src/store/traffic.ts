/** Statements about who writes to whom, and when. */
import { FAILED_STATES } from "./messages.ts";
import { integer, text } from "./row.ts";
import type { Sql } from "./store.ts";

/** Deliveries of which one sender was the source and one peer the recipient. */
export interface Traffic {
  from: string;
  to: string;
  direct: number;
  pool: number;
  failed: number;
}

/** Messages that one answer counts, the newest. One to a large pool has many deliveries. */
const MOST_COUNTED = 20_000;
const RECENT = `(SELECT m.message_id, m.seq, m.from_id, m.pool_id, m.sent_at FROM messages m
   WHERE m.seq > $1 AND m.from_id <> 'cct' ORDER BY m.seq DESC LIMIT ${MOST_COUNTED}) m`;
const FAILED = `CASE WHEN d.state IN ${FAILED_STATES} THEN 1 ELSE 0 END`;

/** Who wrote to whom since the sequence number `since`, most first. Mail to a pool counts for each recipient. */
export async function trafficPairs(sql: Sql, since: number, limit: number): Promise<Traffic[]> {
  const rows = await sql(
    `SELECT m.from_id, d.peer_id, sum(CASE WHEN m.pool_id IS NULL THEN 1 ELSE 0 END) AS direct,
       sum(CASE WHEN m.pool_id IS NULL THEN 0 ELSE 1 END) AS pool, sum(${FAILED}) AS failed, count(*) AS deliveries
     FROM ${RECENT} JOIN deliveries d ON d.message_id = m.message_id
     GROUP BY m.from_id, d.peer_id ORDER BY deliveries DESC, m.from_id, d.peer_id LIMIT $2`,
    since,
    limit,
  );
  return rows.map((row) => ({
    from: text(row, "from_id"),
    to: text(row, "peer_id"),
    direct: integer(row, "direct"),
    pool: integer(row, "pool"),
    failed: integer(row, "failed"),
  }));
}

/** How many messages were sent in each span of `bucket` milliseconds since `since`, and how many of them failed somewhere. */
export async function trafficOverTime(
  sql: Sql,
  since: number,
  bucket: number,
): Promise<{ at: number; messages: number; failed: number }[]> {
  const AT = "(m.sent_at - CAST($2 AS BIGINT)) / CAST($3 AS BIGINT)";
  const rows = await sql(
    `SELECT ${AT} AS place, count(*) AS messages, sum(CASE WHEN EXISTS (
       SELECT 1 FROM deliveries d WHERE d.message_id = m.message_id AND d.state IN ${FAILED_STATES}
     ) THEN 1 ELSE 0 END) AS failed
     FROM ${RECENT} WHERE m.sent_at >= $2 GROUP BY ${AT} ORDER BY place`,
    since * 1000,
    since,
    bucket,
  );
  return rows.map((row) => ({
    at: since + integer(row, "place") * bucket,
    messages: integer(row, "messages"),
    failed: integer(row, "failed"),
  }));
}
