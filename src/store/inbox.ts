/** Statements about what waits for a peer, over the partial indexes of open mail: they cost the same however much was ever sent. */
import { MAX_TEXT_BYTES } from "../rules/text.ts";
import { integer, placeholders, text, textOrNull } from "./row.ts";
import type { Sql } from "./store.ts";

/** How many messages a peer has not been given yet, by the pool in which they were said (null: none). */
export async function countUnread(sql: Sql, peerId: string): Promise<{ pool_id: string | null; unread: number }[]> {
  const rows = await sql(
    `SELECT m.pool_id, count(*) AS unread FROM deliveries d JOIN messages m ON m.message_id = d.message_id
     WHERE d.peer_id = $1 AND d.state IN ('queued', 'claimed') AND d.state IN ('queued', 'claimed', 'delivered')
     GROUP BY m.pool_id`,
    peerId,
  );
  return rows.map((row) => ({ pool_id: textOrNull(row, "pool_id"), unread: integer(row, "unread") }));
}

/**
 * What waits for a peer: not taken yet, or held. The text is only counted where so many messages could hold `characters`
 * of it, because that means to read it.
 */
export async function mailboxOf(
  sql: Sql,
  peerId: string,
  characters: number,
): Promise<{ messages: number; characters: number }> {
  const WAITING = `FROM deliveries d WHERE d.peer_id = $1 AND d.state IN ('queued', 'claimed') AND d.state IN ('queued', 'claimed', 'delivered')`;
  const HELD = "FROM deliveries d WHERE d.peer_id = $1 AND d.state = 'held'";
  const [row] = await sql(`SELECT (SELECT count(*) ${WAITING}) + (SELECT count(*) ${HELD}) AS messages`, peerId);
  const messages = row ? integer(row, "messages") : 0;
  if (messages * MAX_TEXT_BYTES < characters) return { messages, characters: 0 };
  const [sum] = await sql(
    `SELECT coalesce(sum(length(m.text)), 0) AS characters FROM messages m
     WHERE m.message_id IN (SELECT d.message_id ${WAITING} UNION SELECT d.message_id ${HELD})`,
    peerId,
  );
  return { messages, characters: sum ? integer(sum, "characters") : 0 };
}

/** How many claims a peer holds. */
export async function countClaims(sql: Sql, peerId: string): Promise<number> {
  const [row] = await sql(
    `SELECT count(*) AS claims FROM deliveries d
     WHERE d.peer_id = $1 AND d.state = 'claimed' AND d.state IN ('queued', 'claimed', 'delivered')`,
    peerId,
  );
  return row ? integer(row, "claims") : 0;
}

/** How many messages are queued for a peer and not expired, and how many of them are `interrupt`. */
export async function countQueued(sql: Sql, peerId: string, now: number): Promise<{ all: number; interrupt: number }> {
  const [row] = await sql(
    `SELECT count(*) AS all_queued, coalesce(sum(CASE m.urgency WHEN 'interrupt' THEN 1 ELSE 0 END), 0) AS interrupts
     FROM deliveries d JOIN messages m ON m.message_id = d.message_id
     WHERE d.peer_id = $1 AND d.state = 'queued' AND d.state IN ('queued', 'claimed', 'delivered')
       AND (d.expires_at IS NULL OR d.expires_at > $2)`,
    peerId,
    now,
  );
  return row ? { all: integer(row, "all_queued"), interrupt: integer(row, "interrupts") } : { all: 0, interrupt: 0 };
}

/** What lies in a peer's inbox, of one pool or (null) of none; `held` is counted apart, with no pool. */
export interface InboxRow {
  pool_id: string | null;
  /** Not given to it yet. */
  unread: number;
  /** Of these, queued and not expired. */
  queued: number;
  /** Of these, `interrupt`. */
  interrupts: number;
  held: number;
}

/** All that a heartbeat tells of a peer's inbox, in one statement: there are more heartbeats than anything else. */
export async function inboxOf(sql: Sql, peerId: string, now: number): Promise<InboxRow[]> {
  const QUEUED = "d.state = 'queued' AND (d.expires_at IS NULL OR d.expires_at > $2)";
  const rows = await sql(
    `SELECT m.pool_id, count(*) AS unread, sum(CASE WHEN ${QUEUED} THEN 1 ELSE 0 END) AS queued,
       sum(CASE WHEN ${QUEUED} AND m.urgency = 'interrupt' THEN 1 ELSE 0 END) AS interrupts, 0 AS held
     FROM deliveries d JOIN messages m ON m.message_id = d.message_id
     WHERE d.peer_id = $1 AND d.state IN ('queued', 'claimed') AND d.state IN ('queued', 'claimed', 'delivered')
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

/** Which of these peers have mail queued that was sent after the place `seq`. */
export async function peersWithMailSince(sql: Sql, peerIds: readonly string[], seq: number): Promise<string[]> {
  if (peerIds.length === 0) return [];
  const rows = await sql(
    `SELECT DISTINCT d.peer_id FROM deliveries d
     WHERE d.seq > $1 AND d.state = 'queued' AND d.state IN ('queued', 'claimed', 'delivered') AND d.peer_id IN (${placeholders(peerIds.length, 2)})`,
    seq,
    ...peerIds,
  );
  return rows.map((row) => text(row, "peer_id"));
}
