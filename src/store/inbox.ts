/**
 * Statements about waiting mail. They use the partial indexes on open and held deliveries, and counts end (`COUNT_LIMIT`), so
 * their cost grows neither with history nor with the mail that waits.
 */
import { COUNT_LIMIT } from "../rules/counted.ts";
import { type Backlog, NO_MAIL } from "../rules/quotas.ts";
import { HELD, OPEN, READY, UNDELIVERED } from "./messages.ts";
import { idLists, integer, placeholders, text, textOrNull } from "./row.ts";
import type { Row, Sql } from "./store.ts";

/** The number of deliveries `d` that meet a condition, counted up to `most`. */
const counted = (condition: string, most: number | string = COUNT_LIMIT): string =>
  `(SELECT count(*) FROM (SELECT 1 FROM deliveries d WHERE ${condition} LIMIT ${most}) counted)`;

/** The number of undelivered messages of the peer in a row of `peers`, counted up to `COUNT_LIMIT`. */
export const WAITING = counted(`d.peer_id = peers.peer_id AND ${UNDELIVERED}`);

/** The number of a peer's undelivered messages, counted up to `COUNT_LIMIT`. */
export async function countUnread(sql: Sql, peerId: string): Promise<number> {
  const [row] = await sql(`SELECT ${counted(`d.peer_id = $1 AND ${UNDELIVERED}`)} AS unread`, peerId);
  return row ? integer(row, "unread") : 0;
}

/** How many queued, claimed and held messages each of these peers has, counted up to `most`; without those that have none. */
export async function countBoxes(sql: Sql, peerIds: readonly string[], most: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const theirs = "d.peer_id = p.peer_id";
  for (const ids of idLists(peerIds)) {
    const rows = await sql(
      `SELECT p.peer_id, ${counted(`${theirs} AND ${UNDELIVERED}`, "$1")} + ${counted(`${theirs} AND ${HELD}`, "$1")} AS messages
       FROM peers p WHERE p.peer_id IN (${placeholders(ids.length, 2)})`,
      most,
      ...ids,
    );
    for (const row of rows)
      if (integer(row, "messages") > 0) counts.set(text(row, "peer_id"), Math.min(most, integer(row, "messages")));
  }
  return counts;
}

/** The size of a peer's mailbox: queued, claimed and held messages. To be asked only where `countBoxes` found few enough. */
export async function mailboxOf(sql: Sql, peerId: string): Promise<Backlog> {
  return backlog(await sql(sizeOf("d.peer_id = $1"), peerId));
}

/** The part of that which one payer caused. It reads each delivery. */
export async function backlogOf(sql: Sql, peerId: string, payer: string): Promise<Backlog> {
  return backlog(await sql(sizeOf("d.peer_id = $1 AND d.payer = $2"), peerId, payer));
}

const sizeOf = (theirs: string): string =>
  `SELECT count(*) AS messages, coalesce(sum(characters), 0) AS characters FROM (
     SELECT d.characters FROM deliveries d WHERE ${theirs} AND ${UNDELIVERED}
     UNION ALL SELECT d.characters FROM deliveries d WHERE ${theirs} AND ${HELD}) waiting`;

function backlog([row]: Row[]): Backlog {
  return row ? { messages: integer(row, "messages"), characters: integer(row, "characters") } : NO_MAIL;
}

/** Whose mail a peer has claimed and not acknowledged (`null`: the operator's or the broker's). */
export async function claimedPayers(sql: Sql, peerId: string): Promise<(string | null)[]> {
  const rows = await sql(
    `SELECT DISTINCT d.payer FROM deliveries d WHERE d.peer_id = $1 AND d.state = 'claimed' AND ${OPEN}`,
    peerId,
  );
  return rows.map((row) => textOrNull(row, "payer"));
}

/** The number of claims that a peer holds. */
export async function countClaims(sql: Sql, peerId: string): Promise<number> {
  const [row] = await sql(
    `SELECT count(*) AS claims FROM deliveries d
     WHERE d.peer_id = $1 AND d.state = 'claimed' AND ${OPEN}`,
    peerId,
  );
  return row ? integer(row, "claims") : 0;
}

/** The number of queued, unexpired messages of a peer, and how many of them are interrupts; each counted up to `most`. */
export async function countQueued(
  sql: Sql,
  peerId: string,
  now: number,
  most = COUNT_LIMIT,
): Promise<{ all: number; interrupt: number }> {
  const queued = `d.peer_id = $1 AND ${READY}`;
  const [row] = await sql(
    `SELECT ${counted(queued, "$3")} AS all_queued, ${counted(`${queued} AND d.rank = 0`, "$3")} AS interrupts`,
    peerId,
    now,
    most,
  );
  return row ? { all: integer(row, "all_queued"), interrupt: integer(row, "interrupts") } : { all: 0, interrupt: 0 };
}

/** Counts of a peer's inbox for one pool (null: direct messages). Mail held by policy is counted separately, without a pool. */
export interface InboxRow {
  pool_id: string | null;
  /** Not delivered yet, nor expired. */
  unread: number;
  /** Of these, queued. */
  queued: number;
  /** Of these, `interrupt`. */
  interrupts: number;
  held: number;
}

/**
 * All inbox counts that a heartbeat returns, in one statement, because heartbeats are the most frequent request: of the first
 * `COUNT_LIMIT` queued messages, and of as many that are claimed or held.
 */
export async function inboxOf(sql: Sql, peerId: string, now: number): Promise<InboxRow[]> {
  // Not a join: for that, PostgreSQL may read all messages.
  const pool = "(SELECT m.pool_id FROM messages m WHERE m.message_id = d.message_id) AS pool_id";
  const rows = await sql(
    `SELECT u.pool_id, count(*) AS unread, sum(u.queued) AS queued, sum(u.queued * (1 - u.rank)) AS interrupts, 0 AS held
     FROM (SELECT * FROM (SELECT ${pool}, d.rank, 1 AS queued FROM deliveries d
                          WHERE d.peer_id = $1 AND ${READY} ORDER BY d.rank, d.seq LIMIT ${COUNT_LIMIT}) first
           UNION ALL
           SELECT * FROM (SELECT ${pool}, d.rank, 0 AS queued FROM deliveries d
                          WHERE d.peer_id = $1 AND d.state = 'claimed' AND ${OPEN} LIMIT ${COUNT_LIMIT}) taken) u
     GROUP BY u.pool_id
     UNION ALL SELECT NULL, 0, 0, 0, ${counted(`d.peer_id = $1 AND ${HELD}`)}`,
    peerId,
    now,
  );
  return rows.map((row) => ({
    pool_id: textOrNull(row, "pool_id"),
    unread: integer(row, "unread"),
    queued: integer(row, "queued"),
    interrupts: integer(row, "interrupts"),
    held: integer(row, "held"),
  }));
}

/** Those of the peers that have queued mail with a sequence number above `seq`. */
export async function peersWithMailSince(sql: Sql, peerIds: readonly string[], seq: number): Promise<string[]> {
  if (peerIds.length === 0) return [];
  const since = (rank: number): string =>
    `EXISTS (SELECT 1 FROM deliveries d
       WHERE d.peer_id = p.peer_id AND d.state = 'queued' AND ${OPEN} AND d.rank = ${rank} AND d.seq > $1)`;
  const rows = await sql(
    `SELECT p.peer_id FROM peers p
     WHERE p.peer_id IN (${placeholders(peerIds.length, 2)}) AND (${since(0)} OR ${since(1)})`,
    seq,
    ...peerIds,
  );
  return rows.map((row) => text(row, "peer_id"));
}
