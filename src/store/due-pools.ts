/** Which pools need something done because time has passed. */
import { placeholders, text } from "./row.ts";
import type { Sql } from "./store.ts";

/** Pools with a released member whose time to finish is over. */
export async function poolsToLeave(sql: Sql, now: number): Promise<string[]> {
  const rows = await sql(
    `SELECT DISTINCT m.pool_id FROM members m
     WHERE m.left_at IS NULL AND m.releasing_until IS NOT NULL AND m.releasing_until <= $1`,
    now,
  );
  return rows.map((row) => text(row, "pool_id"));
}

/** The pools of these peers whose lead is offline while another member is live. */
export async function poolsToLead(sql: Sql, peerIds: readonly string[]): Promise<string[]> {
  if (peerIds.length === 0) return [];
  const rows = await sql(
    `SELECT DISTINCT m.pool_id FROM members m
     JOIN members l ON l.pool_id = m.pool_id AND l.left_at IS NULL AND l.role = 'lead'
     JOIN peers w ON w.peer_id = l.peer_id AND w.presence = 'offline'
     WHERE m.left_at IS NULL AND m.peer_id IN (${placeholders(peerIds.length)}) AND EXISTS (
       SELECT 1 FROM members o JOIN peers p ON p.peer_id = o.peer_id AND p.presence <> 'offline'
       WHERE o.pool_id = m.pool_id AND o.left_at IS NULL AND o.releasing_until IS NULL)`,
    ...peerIds,
  );
  return rows.map((row) => text(row, "pool_id"));
}
