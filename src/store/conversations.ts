/** Statements about conversations: a pool, or two participants that write to each other. */
import { FAILED_STATES, READY } from "./messages.ts";
import { integer, integerOrNull, text, textOrNull } from "./row.ts";
import type { Row, Sql } from "./store.ts";

/** The ids of the two participants of a direct message, in order. There is an index on it. */
export const pairOf = (m: string): string =>
  `CASE WHEN ${m}.from_id < ${m}.target THEN ${m}.from_id || '~' || ${m}.target ELSE ${m}.target || '~' || ${m}.from_id END`;
export const directOf = (m: string): string => `${m}.pool_id IS NULL AND ${m}.from_id <> 'cct' AND ${m}.target <> ''`;
export const PAIR = pairOf("m");
export const DIRECT = directOf("m");
/** The key of the conversation that a message `m` belongs to. */
const KEY = `CASE WHEN m.pool_id IS NULL THEN ${PAIR} ELSE '@' || m.pool_id END`;

/** Pairs that are looked at: more than there can be among the sessions that a person runs. */
const MOST_PAIRS = 20_000;
/** Messages whose pairs are looked at besides, when there are more pairs than that. */
const MOST_RECENT = 20_000;
/** Deliveries of each kind that are counted, the newest. */
const MOST_COUNTED = 2_000;

export interface ConversationFilter {
  /** Only those of this participant, without pools. */
  of: string | undefined;
  pools: boolean;
  pairs: boolean;
  /** Only those with a last message before this one. */
  before: number;
  limit: number;
}

interface Last {
  key: string;
  /** The sequence number of the last message. */
  seq: number;
}

const LAST = `(SELECT max(m.seq) FROM messages m WHERE ${DIRECT} AND ${PAIR} = p.pair)`;

/**
 * Conversations, the latest first. Membership news are no messages here. `isCut`: there are too many pairs to look at all of them, so
 * some that have not written for long are missing.
 */
export async function conversationsBefore(
  sql: Sql,
  filter: ConversationFilter,
  mostPairs = MOST_PAIRS,
): Promise<{ found: Last[]; isCut: boolean }> {
  const { of, pairs, before, limit } = filter;
  if (of !== undefined) return { found: pairs ? await pairsOf(sql, of, before, limit) : [], isCut: false };
  const walked = await walkedPairs(sql, filter, mostPairs);
  if (!pairs || !walked.isCut) return walked;
  const all = new Map([...walked.found, ...(await recentPairs(sql))].map((one) => [one.key, one]));
  const found = [...all.values()].filter(({ seq }) => seq < before).sort((a, b) => b.seq - a.seq);
  return { found: found.slice(0, limit), isCut: true };
}

/** Pools, and the pairs at the beginning of the index of pairs. */
async function walkedPairs(
  sql: Sql,
  { pools, pairs, before, limit }: ConversationFilter,
  mostPairs: number,
): Promise<{ found: Last[]; isCut: boolean }> {
  // A recursive walk over the distinct keys of the index: its cost grows with the pairs, not with their messages.
  const rows = await sql(
    `WITH RECURSIVE pairs (pair, n) AS (
       SELECT (SELECT ${PAIR} FROM messages m WHERE ${DIRECT} AND $1 = 1 ORDER BY ${PAIR} LIMIT 1), 1
       UNION ALL
       SELECT (SELECT ${PAIR} FROM messages m WHERE ${DIRECT} AND ${PAIR} > p.pair ORDER BY ${PAIR} LIMIT 1), p.n + 1
       FROM pairs p WHERE p.pair IS NOT NULL AND p.n < $2)
     SELECT w.pairs, l.conversation, l.seq FROM (SELECT max(n) AS pairs FROM pairs WHERE pair IS NOT NULL) w LEFT JOIN (
       SELECT c.conversation, c.seq FROM (SELECT p.pair AS conversation, ${LAST} AS seq FROM pairs p WHERE p.pair IS NOT NULL
       UNION ALL
       SELECT '@' || l.pool_id, (
         SELECT m.seq FROM messages m WHERE m.pool_id = l.pool_id AND m.from_id <> 'cct' ORDER BY m.seq DESC LIMIT 1)
       FROM pools l WHERE $3 = 1) c
       WHERE c.seq < $4 ORDER BY c.seq DESC LIMIT $5) l ON 1 = 1
     ORDER BY l.seq DESC`,
    pairs ? 1 : 0,
    // One more shows whether that is all of them.
    mostPairs + 1,
    pools ? 1 : 0,
    before,
    limit,
  );
  const isCut = rows.some((row) => (integerOrNull(row, "pairs") ?? 0) > mostPairs);
  return { found: rows.filter((row) => textOrNull(row, "conversation") !== null).map(toLast), isCut };
}

/** Those of one participant, also with removed ones: each is looked up by its key, which costs no walk over those of others. */
async function pairsOf(sql: Sql, id: string, before: number, limit: number): Promise<Last[]> {
  const rows = await sql(
    `SELECT c.conversation, c.seq FROM (
       SELECT p.pair AS conversation, ${LAST} AS seq FROM (
         SELECT CASE WHEN w.id < $1 THEN w.id || '~' || $1 ELSE $1 || '~' || w.id END AS pair
         FROM (SELECT peer_id AS id FROM peers UNION ALL SELECT '@all') w) p) c
     WHERE c.seq < $2 ORDER BY c.seq DESC LIMIT $3`,
    id,
    before,
    limit,
  );
  return rows.map(toLast);
}

/** Pairs that have written lately. */
async function recentPairs(sql: Sql): Promise<Last[]> {
  const rows = await sql(
    `SELECT m.pair AS conversation, max(m.seq) AS seq FROM (
       SELECT ${PAIR} AS pair, m.seq FROM messages m WHERE ${DIRECT} ORDER BY m.seq DESC LIMIT ${MOST_RECENT}) m
     GROUP BY m.pair`,
  );
  return rows.map(toLast);
}

const toLast = (row: Row): Last => ({ key: text(row, "conversation"), seq: integer(row, "seq") });

/** How many deliveries of each conversation ended unread since the sequence number `since`, and how many are held. */
export async function troubleByConversation(
  sql: Sql,
  since: number,
): Promise<Map<string, { failed: number; held: number }>> {
  const some = (failed: number, condition: string): string =>
    `SELECT ${KEY} AS conversation, ${failed} AS failed, ${1 - failed} AS held FROM (
       SELECT d.message_id FROM deliveries d WHERE ${condition} ORDER BY d.seq DESC LIMIT ${MOST_COUNTED}) t
     JOIN messages m ON m.message_id = t.message_id WHERE m.from_id <> 'cct'`;
  const rows = await sql(
    `SELECT conversation, sum(failed) AS failed, sum(held) AS held FROM (
       ${some(1, `d.state IN ${FAILED_STATES} AND d.seq > $1`)}
       UNION ALL ${some(0, "d.state = 'held'")}) x GROUP BY conversation`,
    since,
  );
  return new Map(
    rows.map((row) => [text(row, "conversation"), { failed: integer(row, "failed"), held: integer(row, "held") }]),
  );
}

/** A person's unread direct messages, by sender. */
export async function unreadBySender(sql: Sql, personId: string, now: number): Promise<Map<string, number>> {
  const rows = await sql(
    `SELECT m.from_id, count(*) AS unread FROM deliveries d JOIN messages m ON m.message_id = d.message_id
     WHERE d.peer_id = $1 AND ${READY} AND m.pool_id IS NULL GROUP BY m.from_id`,
    personId,
    now,
  );
  return new Map(rows.map((row) => [text(row, "from_id"), integer(row, "unread")]));
}
