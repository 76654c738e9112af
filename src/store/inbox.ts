/** Statements about waiting mail. They use the partial indexes on open deliveries, so their cost does not grow with history. */
import { type Backlog, NO_MAIL } from "../rules/quotas.ts";
import { OPEN } from "./messages.ts";
import { idLists, integer, placeholders, text, textOrNull } from "./row.ts";
import type { Sql } from "./store.ts";

/** The number of a peer's undelivered messages per pool (null: direct messages). */
export async function countUnread(sql: Sql, peerId: string): Promise<{ pool_id: string | null; unread: number }[]> {
  const rows = await sql(
    `SELECT m.pool_id, count(*) AS unread FROM deliveries d JOIN messages m ON m.message_id = d.message_id
     WHERE d.peer_id = $1 AND d.state IN ('queued', 'claimed') AND ${OPEN}
     GROUP BY m.pool_id`,
    peerId,
  );
  return rows.map((row) => ({ pool_id: textOrNull(row, "pool_id"), unread: integer(row, "unread") }));
}

/** How many queued, claimed and held messages each of these peers has; without those that have none. */
export async function countBoxes(sql: Sql, peerIds: readonly string[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const ids of idLists(peerIds)) {
    const theirs = `d.peer_id IN (${placeholders(ids.length)})`;
    const rows = await sql(
      `SELECT d.peer_id, count(*) AS messages FROM deliveries d
       WHERE ${theirs} AND d.state IN ('queued', 'claimed') AND ${OPEN} GROUP BY d.peer_id
       UNION ALL SELECT d.peer_id, count(*) FROM deliveries d WHERE ${theirs} AND d.state = 'held' GROUP BY d.peer_id`,
      ...ids,
    );
    for (const row of rows) {
      const id = text(row, "peer_id");
      counts.set(id, (counts.get(id) ?? 0) + integer(row, "messages"));
    }
  }
  return counts;
}

const WAITING = `FROM deliveries d WHERE d.peer_id = $1 AND d.state IN ('queued', 'claimed') AND ${OPEN}`;
const HELD = "FROM deliveries d WHERE d.peer_id = $1 AND d.state = 'held'";

/** The size of a peer's mailbox: queued, claimed and held messages. It reads all their texts. */
export async function mailboxOf(sql: Sql, peerId: string): Promise<Backlog> {
  const [row] = await sql(
    `SELECT count(*) AS messages, coalesce(sum(length(m.text)), 0) AS characters FROM messages m
     WHERE m.message_id IN (SELECT d.message_id ${WAITING} UNION SELECT d.message_id ${HELD})`,
    peerId,
  );
  return row ? { messages: integer(row, "messages"), characters: integer(row, "characters") } : NO_MAIL;
}

/** The part of that which one payer caused. To be asked only of a mailbox that is nearly full: it reads each delivery. */
export async function backlogOf(sql: Sql, peerId: string, payer: string): Promise<Backlog> {
  const [row] = await sql(
    `SELECT count(*) AS messages, coalesce(sum(length(m.text)), 0) AS characters FROM messages m
     WHERE m.message_id IN (SELECT d.message_id ${WAITING} AND d.payer = $2 UNION SELECT d.message_id ${HELD} AND d.payer = $2)`,
    peerId,
    payer,
  );
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

/** The number of queued, unexpired messages of a peer, and how many of them are interrupts. */
export async function countQueued(sql: Sql, peerId: string, now: number): Promise<{ all: number; interrupt: number }> {
  const [row] = await sql(
    `SELECT count(*) AS all_queued, coalesce(sum(CASE m.urgency WHEN 'interrupt' THEN 1 ELSE 0 END), 0) AS interrupts
     FROM deliveries d JOIN messages m ON m.message_id = d.message_id
     WHERE d.peer_id = $1 AND d.state = 'queued' AND ${OPEN}
       AND (d.expires_at IS NULL OR d.expires_at > $2)`,
    peerId,
    now,
  );
  return row ? { all: integer(row, "all_queued"), interrupt: integer(row, "interrupts") } : { all: 0, interrupt: 0 };
}

/** Counts of a peer's inbox for one pool (null: direct messages). Mail held by policy is counted separately, without a pool. */
export interface InboxRow {
  pool_id: string | null;
  /** Not delivered yet. */
  unread: number;
  /** Of these, queued and not expired. */
  queued: number;
  /** Of these, `interrupt`. */
  interrupts: number;
  held: number;
}

/** All inbox counts that a heartbeat returns, in one statement, because heartbeats are the most frequent request. */
export async function inboxOf(sql: Sql, peerId: string, now: number): Promise<InboxRow[]> {
  const QUEUED = "d.state = 'queued' AND (d.expires_at IS NULL OR d.expires_at > $2)";
  const rows = await sql(
    `SELECT m.pool_id, count(*) AS unread, sum(CASE WHEN ${QUEUED} THEN 1 ELSE 0 END) AS queued,
       sum(CASE WHEN ${QUEUED} AND m.urgency = 'interrupt' THEN 1 ELSE 0 END) AS interrupts, 0 AS held
     FROM deliveries d JOIN messages m ON m.message_id = d.message_id
     WHERE d.peer_id = $1 AND d.state IN ('queued', 'claimed') AND ${OPEN}
     GROUP BY m.pool_id
     UNION ALL SELECT NULL, 0, 0, 0, count(*) FROM deliveries h WHERE h.peer_id = $1 AND h.state = 'held'`,
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
  const rows = await sql(
    `SELECT DISTINCT d.peer_id FROM deliveries d
     WHERE d.seq > $1 AND d.state = 'queued' AND ${OPEN} AND d.peer_id IN (${placeholders(peerIds.length, 2)})`,
    seq,
    ...peerIds,
  );
  return rows.map((row) => text(row, "peer_id"));
}
