/** Statements about who writes to whom, and when. */
import { isPerson } from "../rules/names.ts";
import { FAILED_STATES } from "./messages.ts";
import { integer, integerOrNull, text, textOrNull } from "./row.ts";
import type { Row, Sql } from "./store.ts";

/** Deliveries of which one sender was the source and one peer the recipient, with their last known names. */
export interface Traffic {
  from: string;
  from_name: string;
  /** Whether it was removed. */
  isFromGone: boolean;
  to: string;
  to_name: string;
  isToGone: boolean;
  direct: number;
  pool: number;
  failed: number;
}

/** Messages that one answer counts, the newest. One to a large pool has many deliveries. */
const MOST_COUNTED = 20_000;
const RECENT = `(SELECT m.message_id, m.seq, m.from_id, m.from_name, m.pool_id, m.sent_at FROM messages m
   WHERE m.seq > $1 AND m.from_id <> 'cct' ORDER BY m.seq DESC LIMIT ${MOST_COUNTED}) m`;
const FAILED = `CASE WHEN d.state IN ${FAILED_STATES} THEN 1 ELSE 0 END`;

/** Who wrote to whom since the sequence number `since`, most first. Mail to a pool counts for each recipient. */
export async function trafficPairs(sql: Sql, since: number, limit: number): Promise<Traffic[]> {
  const rows = await sql(
    `SELECT t.*, f.name AS from_known, f.removed_at AS from_removed, r.name AS to_known, r.removed_at AS to_removed
     FROM (SELECT m.from_id, d.peer_id, max(m.from_name) AS from_said,
         sum(CASE WHEN m.pool_id IS NULL THEN 1 ELSE 0 END) AS direct,
         sum(CASE WHEN m.pool_id IS NULL THEN 0 ELSE 1 END) AS pool, sum(${FAILED}) AS failed, count(*) AS deliveries
       FROM ${RECENT} JOIN deliveries d ON d.message_id = m.message_id
       GROUP BY m.from_id, d.peer_id ORDER BY deliveries DESC, m.from_id, d.peer_id LIMIT $2) t
     LEFT JOIN peers f ON f.peer_id = t.from_id LEFT JOIN peers r ON r.peer_id = t.peer_id
     ORDER BY t.deliveries DESC, t.from_id, t.peer_id`,
    since,
    limit,
  );
  return rows.map((row) => ({
    from: text(row, "from_id"),
    // The row of a removed peer goes with the last mail to it; what it sent still says its name.
    from_name: textOrNull(row, "from_known") ?? text(row, "from_said"),
    isFromGone: isGone(row, "from"),
    to: text(row, "peer_id"),
    to_name: textOrNull(row, "to_known") ?? text(row, "peer_id"),
    isToGone: isGone(row, "to"),
    direct: integer(row, "direct"),
    pool: integer(row, "pool"),
    failed: integer(row, "failed"),
  }));
}

/** A person has no row before the first mail to it. */
const isGone = (row: Row, who: "from" | "to"): boolean =>
  integerOrNull(row, `${who}_removed`) !== null ||
  (textOrNull(row, `${who}_known`) === null && !(who === "from" && isPerson(text(row, "from_said"))));

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
