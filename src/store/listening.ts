/** Statements about listening time: the time in which brokers could hear sessions, by which absence is measured. */
import { PEER, type Peer, toPeer } from "./peers.ts";
import { integer, text } from "./row.ts";
import type { Sql } from "./store.ts";

/** Adds to the listening time of all brokers, and returns the sum. After a move it goes on above what peers bring with them. */
export async function addListening(sql: Sql, ms: number): Promise<number> {
  const [row] = await sql(
    `INSERT INTO listening (kind, ms) VALUES ('all', $1 + coalesce((SELECT max(away_since) FROM peers WHERE presence = 'offline'), 0))
     ON CONFLICT (kind) DO UPDATE SET ms = listening.ms + $2 RETURNING ms`,
    ms,
    ms,
  );
  return row ? integer(row, "ms") : ms;
}

/** Peers that went offline or came back since the sweep last looked. */
export async function movedPeers(sql: Sql, limit: number): Promise<Peer[]> {
  const gone = await sql(
    `SELECT ${PEER} FROM peers WHERE presence = 'offline' AND (away_since IS NULL OR away_since = -1) LIMIT $1`,
    limit,
  );
  const back = await sql(
    `SELECT ${PEER} FROM peers WHERE presence <> 'offline' AND away_since IS NOT NULL LIMIT $1`,
    limit,
  );
  return [...gone, ...back].map(toPeer);
}

/** Records that the sweep has seen a peer go, at the listening time `at`, unless it is back. */
export async function markAway(sql: Sql, peerId: string, at: number): Promise<void> {
  await sql("UPDATE peers SET away_since = $2 WHERE peer_id = $1 AND presence = 'offline'", peerId, at);
}

/** Records that the sweep has seen a peer come back, unless it is gone again. */
export async function markBack(sql: Sql, peerId: string): Promise<void> {
  await sql("UPDATE peers SET away_since = NULL WHERE peer_id = $1 AND presence <> 'offline'", peerId);
}

/** Active pools with a member that has been away since `before` or earlier. */
export async function poolsWithAbsentMembers(sql: Sql, before: number): Promise<string[]> {
  const rows = await sql(
    `SELECT DISTINCT m.pool_id FROM peers w JOIN members m ON m.peer_id = w.peer_id AND m.left_at IS NULL
     WHERE w.presence = 'offline' AND w.away_since >= 0 AND w.away_since <= $1`,
    before,
  );
  return rows.map((row) => text(row, "pool_id"));
}
