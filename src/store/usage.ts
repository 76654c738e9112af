/** Statements about recent usage: rates of sending, wakes, and the cost of mail. */
import type { DeliveryMethod } from "../rules/delivery.ts";
import type { LastMinute, Wakes } from "../rules/guards.ts";
import type { DeliveryRow } from "./messages.ts";
import { idLists, integer, integerOrNull, placeholders, text, textOrNull } from "./row.ts";
import type { Row, Sql } from "./store.ts";

/** Stores how mail was delivered; `batch` identifies mail that was shown together. */
export async function recordDeliveryMethod(
  sql: Sql,
  d: DeliveryRow,
  method: DeliveryMethod,
  batch: string,
): Promise<void> {
  await sql(
    "UPDATE deliveries SET via = $3, batch = $4 WHERE message_id = $1 AND peer_id = $2",
    d.message_id,
    d.peer_id,
    method,
    batch,
  );
}

/**
 * What a peer is charged for: its messages and the broker's reports of what it did. And of its messages: their number, how many went
 * to one target, when it last sent the same text there, unless nobody will read it, and its last sequence number.
 */
export async function recentlySent(
  sql: Sql,
  fromId: string,
  target: string,
  body: string,
  { since, until, afterSeq }: LastMinute,
): Promise<{ all: number; messages: number; same: number; repeated_at: number | null; last_seq: number }> {
  const [row] = await sql(
    `SELECT coalesce(sum(charge), 0) + (
       SELECT coalesce(sum(charge), 0) FROM messages WHERE cause = $1 AND seq > $4 AND sent_at > $5 AND sent_at <= $6
     ) AS charged, count(*) AS messages, coalesce(sum(CASE WHEN target = $2 THEN 1 ELSE 0 END), 0) AS same,
       max(CASE WHEN target = $2 AND text = $3 AND EXISTS (
         SELECT 1 FROM deliveries d
         WHERE d.message_id = messages.message_id AND d.state NOT IN ('refused', 'expired', 'dead')
       ) THEN sent_at END) AS repeated_at,
       coalesce(max(seq), 0) AS last_seq
     FROM messages WHERE from_id = $1 AND seq > $4 AND sent_at > $5 AND sent_at <= $6`,
    fromId,
    target,
    body,
    afterSeq,
    since,
    until,
  );
  if (!row) return { all: 0, messages: 0, same: 0, repeated_at: null, last_seq: 0 };
  return {
    all: integer(row, "charged"),
    messages: integer(row, "messages"),
    same: integer(row, "same"),
    repeated_at: integerOrNull(row, "repeated_at"),
    last_seq: integer(row, "last_seq"),
  };
}

/** The texts that a peer sent within the last minute. */
export async function recentTexts(
  sql: Sql,
  fromId: string,
  { since, until, afterSeq }: LastMinute,
): Promise<{ target: string; text: string }[]> {
  const rows = await sql(
    "SELECT target, text FROM messages WHERE from_id = $1 AND seq > $2 AND sent_at > $3 AND sent_at <= $4",
    fromId,
    afterSeq,
    since,
    until,
  );
  return rows.map((row) => ({ target: text(row, "target"), text: text(row, "text") }));
}

/** The last sequence number of a sender; 0 before its first message. */
export async function lastSentBy(sql: Sql, fromId: string): Promise<number> {
  const [row] = await sql("SELECT coalesce(max(seq), 0) AS last_seq FROM messages WHERE from_id = $1", fromId);
  return row ? integer(row, "last_seq") : 0;
}

/** The wakes of each of these peers between `since` and `until`; without those that had none. */
export async function wakesOf(
  sql: Sql,
  peerIds: readonly string[],
  since: number,
  until: number,
): Promise<Map<string, Wakes>> {
  const wakes = new Map<string, { all: number; by: Map<string | null, number> }>();
  for (const ids of idLists(peerIds)) {
    const RECENT = `FROM deliveries WHERE peer_id IN (${placeholders(ids.length, 3)}) AND via = 'wake'
      AND delivered_at > $1 AND delivered_at <= $2`;
    const rows = await sql(
      `SELECT peer_id, payer, count(DISTINCT batch) AS wakes, 0 AS is_sum ${RECENT} GROUP BY peer_id, payer
       UNION ALL SELECT peer_id, NULL, count(DISTINCT batch), 1 ${RECENT} GROUP BY peer_id`,
      since,
      until,
      ...ids,
    );
    for (const row of rows) {
      const peer = text(row, "peer_id");
      const known = wakes.get(peer) ?? { all: 0, by: new Map() };
      if (integer(row, "is_sum") === 1) known.all = integer(row, "wakes");
      else known.by.set(textOrNull(row, "payer"), integer(row, "wakes"));
      wakes.set(peer, known);
    }
  }
  return wakes;
}

export interface Cost {
  /** The name of a peer or pool. */
  name: string;
  wakes: number;
  injections: number;
  messages: number;
  characters: number;
}

const COSTS = `count(DISTINCT CASE WHEN d.via = 'wake' THEN d.batch END) AS wakes,
       count(DISTINCT CASE WHEN d.via <> 'wake' THEN d.batch END) AS injections,
       count(*) AS messages, coalesce(sum(length(m.text)), 0) AS characters`;

const toCost = (row: Row): Omit<Cost, "name"> => ({
  wakes: integer(row, "wakes"),
  injections: integer(row, "injections"),
  messages: integer(row, "messages"),
  characters: integer(row, "characters"),
});

/** The cost of mail since `since`, per sender and recipient; the dearest first. */
export async function costsOfPairs(
  sql: Sql,
  since: number,
  limit: number,
): Promise<(Cost & { to: string; from: string; from_name: string })[]> {
  const rows = await sql(
    `SELECT m.from_id, max(m.from_name) AS from_name, d.peer_id, r.name, ${COSTS}
     FROM deliveries d JOIN messages m ON m.message_id = d.message_id JOIN peers r ON r.peer_id = d.peer_id
     WHERE d.via IS NOT NULL AND d.delivered_at > $1 GROUP BY m.from_id, d.peer_id, r.name
     ORDER BY characters DESC, m.from_id, d.peer_id LIMIT $2`,
    since,
    limit,
  );
  return rows.map((row) => ({
    from: text(row, "from_id"),
    from_name: text(row, "from_name"),
    to: text(row, "peer_id"),
    name: text(row, "name"),
    ...toCost(row),
  }));
}

/** The cost of mail since `since`, in spans of `bucket` milliseconds. `at`: their beginning. */
export async function costsOverTime(
  sql: Sql,
  since: number,
  bucket: number,
): Promise<(Omit<Cost, "name"> & { at: number })[]> {
  // Whole numbers: both databases round down.
  const AT = "(d.delivered_at - CAST($1 AS BIGINT)) / CAST($2 AS BIGINT)";
  const rows = await sql(
    `SELECT ${AT} AS place, ${COSTS} FROM deliveries d JOIN messages m ON m.message_id = d.message_id
     WHERE d.via IS NOT NULL AND d.delivered_at > $1 GROUP BY ${AT} ORDER BY place`,
    since,
    bucket,
  );
  return rows.map((row) => ({ at: since + integer(row, "place") * bucket, ...toCost(row) }));
}

/** The cost of mail since `since`, per receiving peer or per pool. */
export async function costs(sql: Sql, by: "peer" | "pool", since: number): Promise<Cost[]> {
  const join = by === "peer" ? "JOIN peers r ON r.peer_id = d.peer_id" : "JOIN pools r ON r.pool_id = m.pool_id";
  const rows = await sql(
    `SELECT r.name AS name, ${COSTS}
     FROM deliveries d JOIN messages m ON m.message_id = d.message_id ${join}
     WHERE d.via IS NOT NULL AND d.delivered_at > $1 GROUP BY r.name ORDER BY characters DESC, r.name`,
    since,
  );
  return rows.map((row) => ({ name: text(row, "name"), ...toCost(row) }));
}
