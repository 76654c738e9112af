/** Statements for the overview of everything that a page shows. */
import { grouped } from "../rules/grouped.ts";
import { WAITING } from "./inbox.ts";
import { IS_SESSION, type ListedPeer, PEER, toListedPeer } from "./peers.ts";
import { type ListedPool, listed, POOL, SIZE } from "./pools.ts";
import { idLists, integer, placeholders, text } from "./row.ts";
import type { Sql } from "./store.ts";

/** The number of active pools that this peer can see; `undefined`: of all. */
export async function countListedPools(sql: Sql, viewer: string | undefined): Promise<number> {
  const [row] = await sql(
    `SELECT count(*) AS pools FROM pools p WHERE p.active_name IS NOT NULL
       AND (p.private = 0 OR $1 = 1 OR EXISTS (
         SELECT 1 FROM members v WHERE v.pool_id = p.pool_id AND v.peer_id = $2 AND v.left_at IS NULL))`,
    viewer === undefined ? 1 : 0,
    viewer ?? "",
  );
  return row ? integer(row, "pools") : 0;
}

/** The ids of the active pools of each of these peers. */
export async function poolIdsOf(sql: Sql, peerIds: readonly string[]): Promise<Map<string, string[]>> {
  const all: { peer_id: string; pool_id: string }[] = [];
  for (const ids of idLists(peerIds)) {
    const rows = await sql(
      `SELECT m.peer_id, m.pool_id FROM members m
       WHERE m.left_at IS NULL AND m.peer_id IN (${placeholders(ids.length)}) ORDER BY m.peer_id, m.joined_at, m.pool_id`,
      ...ids,
    );
    all.push(...rows.map((row) => ({ peer_id: text(row, "peer_id"), pool_id: text(row, "pool_id") })));
  }
  return new Map([...grouped(all, (one) => one.peer_id)].map(([id, own]) => [id, own.map((one) => one.pool_id)]));
}

/** These peers, unordered; without removed ones, and without people. */
export async function listedPeers(sql: Sql, peerIds: readonly string[]): Promise<ListedPeer[]> {
  const all: ListedPeer[] = [];
  for (const ids of idLists(peerIds)) {
    const rows = await sql(
      `SELECT ${PEER}, ${WAITING} AS waiting FROM peers
       WHERE peer_id IN (${placeholders(ids.length)}) AND removed_at IS NULL AND ${IS_SESSION}`,
      ...ids,
    );
    all.push(...rows.map(toListedPeer));
  }
  return all;
}

/** How many messages wait for each of these peers, counted up to `COUNT_LIMIT`; without people. */
export async function waitingOf(sql: Sql, peerIds: readonly string[]): Promise<Map<string, number>> {
  const all = new Map<string, number>();
  for (const ids of idLists(peerIds)) {
    const rows = await sql(
      `SELECT peer_id, ${WAITING} AS waiting FROM peers
       WHERE peer_id IN (${placeholders(ids.length)}) AND removed_at IS NULL AND ${IS_SESSION}`,
      ...ids,
    );
    for (const row of rows) all.set(text(row, "peer_id"), integer(row, "waiting"));
  }
  return all;
}

/** These pools, archived ones too. */
export async function listedPools(sql: Sql, poolIds: readonly string[]): Promise<ListedPool[]> {
  if (poolIds.length === 0) return [];
  const rows = await sql(
    `SELECT ${POOL}, ${SIZE} AS size FROM pools p WHERE p.pool_id IN (${placeholders(poolIds.length)})`,
    ...poolIds,
  );
  return listed(sql, rows, undefined);
}
