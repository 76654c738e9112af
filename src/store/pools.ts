/** Statements about pools and their members. */
import { grouped } from "../rules/grouped.ts";
import type { Member, Pool } from "../rules/pools.ts";
import { integer, integerOrNull, placeholders, text } from "./row.ts";
import type { Row, Sql } from "./store.ts";

/** A stored pool with its current and former members. */
export interface PoolRow extends Pool {
  /** `peer_id`, or `operator`. */
  created_by: string;
  created_at: number;
  /** The operator may have paused it: see `mutes.ts`, which alone writes this. */
  paused: boolean;
}

export const POOL = "p.pool_id, p.name, p.purpose, p.private, p.created_by, p.created_at, p.archived_at, p.paused";

function toPool(row: Row): Omit<PoolRow, "members"> {
  return {
    pool_id: text(row, "pool_id"),
    name: text(row, "name"),
    purpose: text(row, "purpose"),
    private: integer(row, "private") === 1,
    created_by: text(row, "created_by"),
    created_at: integer(row, "created_at"),
    archived_at: integerOrNull(row, "archived_at"),
    paused: integer(row, "paused") === 1,
  };
}

function toMember(row: Row): Member {
  return {
    peer_id: text(row, "peer_id"),
    name: text(row, "name"),
    role: text(row, "role"),
    joined_at: integer(row, "joined_at"),
    releasing_until: integerOrNull(row, "releasing_until"),
    left_at: integerOrNull(row, "left_at"),
  };
}

const MEMBER = "m.pool_id, m.peer_id, w.name, m.role, m.joined_at, m.releasing_until, m.left_at";

/** The pools with those of their members that `which` selects from `members m`; `$1` and so on are the pools' ids. */
async function withMembers(sql: Sql, pools: readonly Omit<PoolRow, "members">[], which = "", ...more: string[]) {
  if (pools.length === 0) return [];
  const rows = await sql(
    `SELECT ${MEMBER} FROM members m JOIN peers w ON w.peer_id = m.peer_id
     WHERE m.pool_id IN (${placeholders(pools.length)}) ${which}`,
    ...pools.map((pool) => pool.pool_id),
    ...more,
  );
  const members = grouped(rows, (row) => text(row, "pool_id"));
  return pools.map((pool): PoolRow => ({ members: (members.get(pool.pool_id) ?? []).map(toMember), ...pool }));
}

/** The unique key among active pools: the name. Private pools add their id, because a name conflict would reveal them. */
function activeName(pool: Pool): string | null {
  if (pool.archived_at !== null) return null;
  const key = pool.name.toLowerCase();
  return pool.private ? `${key}/${pool.pool_id}` : key;
}

export async function insertPool(sql: Sql, pool: PoolRow): Promise<void> {
  await sql(
    `INSERT INTO pools (pool_id, name, name_key, active_name, purpose, private, created_by, created_at, archived_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    pool.pool_id,
    pool.name,
    pool.name.toLowerCase(),
    activeName(pool),
    pool.purpose,
    pool.private ? 1 : 0,
    pool.created_by,
    pool.created_at,
    pool.archived_at,
  );
}

/** Stores whether a pool is archived. */
export async function updatePool(sql: Sql, pool: Pool): Promise<void> {
  await sql(
    "UPDATE pools SET active_name = $2, archived_at = $3 WHERE pool_id = $1",
    pool.pool_id,
    activeName(pool),
    pool.archived_at,
  );
}

/** Inserts or updates a membership. */
export async function putMember(sql: Sql, poolId: string, member: Member): Promise<void> {
  await sql(
    `INSERT INTO members (pool_id, peer_id, role, joined_at, releasing_until, left_at) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (pool_id, peer_id) DO UPDATE SET role = excluded.role, joined_at = excluded.joined_at,
       releasing_until = excluded.releasing_until, left_at = excluded.left_at`,
    poolId,
    member.peer_id,
    member.role,
    member.joined_at,
    member.releasing_until,
    member.left_at,
  );
}

/**
 * Candidates for a reference, active or archived: pools with exactly that name, and those whose id starts with it. Without
 * the private ones that `viewerId` was never in, of which strangers may create any number; `undefined` sees everything.
 * `only`: of the members just the lead, the viewer and these, however many there are.
 */
export async function findPools(
  sql: Sql,
  ref: string,
  viewerId: string | undefined,
  only?: readonly string[],
): Promise<PoolRow[]> {
  const key = ref.toLowerCase();
  const isPrefix = /^[0-9a-f]{4,32}$/.test(key);
  const rows = await sql(
    `SELECT ${POOL}, CASE WHEN EXISTS (SELECT 1 FROM members m WHERE m.pool_id = p.pool_id AND m.peer_id = $4
       AND (m.left_at IS NULL OR m.left_at = p.archived_at)) THEN 1 ELSE 0 END AS own
     FROM pools p WHERE (p.name_key = $1 OR (p.pool_id >= $2 AND p.pool_id < $3))
       AND (p.private = 0 OR $5 = 1 OR EXISTS (SELECT 1 FROM members m WHERE m.pool_id = p.pool_id AND m.peer_id = $4
         AND (m.left_at IS NULL OR m.left_at = p.archived_at)))
     ORDER BY CASE WHEN p.active_name IS NULL THEN 1 ELSE 0 END, own DESC, p.private, p.created_at DESC, p.pool_id LIMIT 50`,
    key,
    isPrefix ? key : "g",
    isPrefix ? `${key}g` : "g",
    viewerId ?? "",
    viewerId === undefined ? 1 : 0,
  );
  const pools = rows.map(toPool);
  if (!only) return withMembers(sql, pools);
  const ids = [viewerId ?? "", ...only];
  return withMembers(sql, pools, `AND ${leadOr(ids.length, pools.length + 1)}`, ...ids);
}

/** The condition of members `m`: the lead, or one of these. */
const leadOr = (count: number, first: number): string =>
  `((m.role = 'lead' AND m.left_at IS NULL) OR m.peer_id IN (${placeholders(count, first)}))`;

/** The number of current members. */
export async function countMembers(sql: Sql, poolId: string): Promise<number> {
  const [row] = await sql("SELECT count(*) AS members FROM members WHERE pool_id = $1 AND left_at IS NULL", poolId);
  return row ? integer(row, "members") : 0;
}

/** The longest-standing current members. */
export async function oldestMembers(sql: Sql, poolId: string, limit: number): Promise<Member[]> {
  const rows = await sql(
    `SELECT ${MEMBER} FROM members m JOIN peers w ON w.peer_id = m.peer_id
     WHERE m.pool_id = $1 AND m.left_at IS NULL ORDER BY m.joined_at, m.peer_id LIMIT $2`,
    poolId,
    limit,
  );
  return rows.map(toMember);
}

export async function findPool(sql: Sql, poolId: string): Promise<PoolRow | undefined> {
  const rows = await sql(`SELECT ${POOL} FROM pools p WHERE p.pool_id = $1`, poolId);
  const [pool] = await withMembers(sql, rows.map(toPool));
  return pool;
}

/** The number of current members of a pool `p`. */
export const SIZE = "(SELECT count(*) FROM members c WHERE c.pool_id = p.pool_id AND c.left_at IS NULL)";

/** A pool in a listing: its number of members, and of the members only the lead and the viewer, if it is or was one. */
export type ListedPool = PoolRow & { size: number };

export interface PoolFilter {
  archived: boolean;
  /** Only pools that this peer can see; `undefined`: all. */
  viewer: string | undefined;
  /** Only those after this one. */
  after: { created_at: number; pool_id: string } | undefined;
  limit: number;
}

/** Active pools, and optionally archived ones, newest first. */
export async function listPools(sql: Sql, { archived, viewer, after, limit }: PoolFilter): Promise<ListedPool[]> {
  const rows = await sql(
    `SELECT ${POOL}, ${SIZE} AS size
     FROM pools p WHERE ${archived ? "" : "p.active_name IS NOT NULL AND"}
       (p.created_at < $1 OR (p.created_at = $1 AND p.pool_id > $2))
       AND (p.private = 0 OR $3 = 1 OR EXISTS (
         SELECT 1 FROM members v WHERE v.pool_id = p.pool_id AND v.peer_id = $4
           AND (v.left_at IS NULL OR v.left_at = p.archived_at)))
     ORDER BY p.created_at DESC, p.pool_id LIMIT $5`,
    after?.created_at ?? Number.MAX_SAFE_INTEGER,
    after?.pool_id ?? "",
    viewer === undefined ? 1 : 0,
    viewer ?? "",
    limit,
  );
  return listed(sql, rows, viewer);
}

/** Rows of pools with their `size`, for a viewer. */
export async function listed(sql: Sql, rows: readonly Row[], viewer: string | undefined): Promise<ListedPool[]> {
  const sizes = new Map(rows.map((row) => [text(row, "pool_id"), integer(row, "size")]));
  const pools = await withMembers(sql, rows.map(toPool), `AND ${leadOr(1, rows.length + 1)}`, viewer ?? "");
  return pools.map((pool) => ({ size: sizes.get(pool.pool_id) ?? 0, ...pool }));
}

/** The number of active pools: of one creator, of the creators of one device (`null`: the broker's machine), and in all. */
export async function countPools(
  sql: Sql,
  createdBy: string,
  device: string | null,
): Promise<{ own: number; device: number; all: number }> {
  const [row] = await sql(
    `SELECT (SELECT count(*) FROM pools WHERE created_by = $1 AND active_name IS NOT NULL) AS own,
       (SELECT count(*) FROM pools p JOIN peers w ON w.peer_id = p.created_by
        WHERE p.active_name IS NOT NULL AND coalesce(w.device_id, '') = $2) AS device,
       (SELECT count(*) FROM pools WHERE active_name IS NOT NULL) AS all_pools`,
    createdBy,
    device ?? "",
  );
  if (!row) return { own: 0, device: 0, all: 0 };
  return { own: integer(row, "own"), device: integer(row, "device"), all: integer(row, "all_pools") };
}

/** The number of active pools that a peer is in. */
export async function countMemberships(sql: Sql, peerId: string): Promise<number> {
  const [row] = await sql("SELECT count(*) AS pools FROM members WHERE peer_id = $1 AND left_at IS NULL", peerId);
  return row ? integer(row, "pools") : 0;
}

/** The active pools of a peer, the one with the latest message first. */
export async function poolsOfPeer(sql: Sql, peerId: string): Promise<{ pool_id: string; name: string }[]> {
  const rows = await sql(
    `SELECT p.pool_id, p.name, coalesce((SELECT max(x.seq) FROM messages x WHERE x.pool_id = p.pool_id), 0) AS last_seq
     FROM members m JOIN pools p ON p.pool_id = m.pool_id
     WHERE m.peer_id = $1 AND m.left_at IS NULL ORDER BY last_seq DESC, m.joined_at DESC`,
    peerId,
  );
  return rows.map((row) => ({ pool_id: text(row, "pool_id"), name: text(row, "name") }));
}

/** The pools that a peer is or was a member of, archived ones too. */
export async function poolsEverOf(sql: Sql, peerId: string): Promise<PoolRow[]> {
  const rows = await sql(
    `SELECT ${POOL} FROM pools p JOIN members m ON m.pool_id = p.pool_id WHERE m.peer_id = $1 ORDER BY p.created_at, p.pool_id`,
    peerId,
  );
  return withMembers(sql, rows.map(toPool));
}

/** Pool names of these peers; `sharedWith`: only pools that this peer is in too. */
export async function poolNames(
  sql: Sql,
  peerIds: readonly string[],
  sharedWith: string | undefined,
): Promise<Map<string, string[]>> {
  if (peerIds.length === 0) return new Map();
  const rows = await sql(
    `SELECT m.peer_id, p.name FROM members m JOIN pools p ON p.pool_id = m.pool_id
     WHERE m.left_at IS NULL AND m.peer_id IN (${placeholders(peerIds.length, 3)}) AND ($1 = 1 OR EXISTS (
       SELECT 1 FROM members f WHERE f.pool_id = m.pool_id AND f.peer_id = $2 AND f.left_at IS NULL))
     ORDER BY p.name`,
    sharedWith === undefined ? 1 : 0,
    sharedWith ?? "",
    ...peerIds,
  );
  const names = grouped(rows, (row) => text(row, "peer_id"));
  return new Map([...names].map(([peer, own]) => [peer, own.map((row) => text(row, "name"))]));
}

/** Peers that share an active pool with this one and poll for their mail. */
export async function pollingPoolMembers(sql: Sql, peerId: string): Promise<string[]> {
  const rows = await sql(
    `SELECT DISTINCT o.peer_id FROM members m
     JOIN members o ON o.pool_id = m.pool_id AND o.left_at IS NULL AND o.peer_id <> m.peer_id
     JOIN peers w ON w.peer_id = o.peer_id AND w.polls = 1
     WHERE m.peer_id = $1 AND m.left_at IS NULL`,
    peerId,
  );
  return rows.map((row) => text(row, "peer_id"));
}
