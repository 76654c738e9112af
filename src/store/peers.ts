/** Statements about peers. */
import { type Hooks, hooksStates, reportedPresences, type Session } from "../rules/presence.ts";
import { OPEN } from "./messages.ts";
import { integer, integerOrNull, oneOf, placeholders, text, textOrNull } from "./row.ts";
import type { Row, Sql } from "./store.ts";

export interface Peer extends Session {
  peer_id: string;
  name: string;
  session_id: string | null;
  cwd: string;
  repo: string | null;
  branch: string | null;
  remote: string | null;
  summary: string;
  /** Its host must poll for mail, because mail cannot wake it. */
  polls: boolean;
  /** Mail can wake it when it is idle. */
  wakes: boolean;
  /** The process id of its session server; `null`: unknown. */
  server_pid: number | null;
  /** Whether its hooks deliver mail. */
  hooks: Hooks;
  /** When it last received mail. */
  took_at: number | null;
  created_at: number;
  /** The device of its last session; `null`: the broker's own machine. */
  device_id: string | null;
  /** The listening time at which the sweep found it offline (see `listening.ts`); negative or `null`: not yet. */
  away_since: number | null;
  /** Its summary is its own words, not made from its repository. */
  own_summary: boolean;
}

export const PEER =
  "peer_id, name, host, claude_pid, session_id, cwd, repo, branch, remote, summary, presence, last_seen, busy_reason, busy_since, busy_for, polls, hooks, took_at, created_at, device_id, away_since, own_summary, wakes, server_pid, beat_ms";

export function toPeer(row: Row): Peer {
  return {
    peer_id: text(row, "peer_id"),
    name: text(row, "name"),
    host: text(row, "host"),
    claude_pid: integer(row, "claude_pid"),
    session_id: textOrNull(row, "session_id"),
    cwd: text(row, "cwd"),
    repo: textOrNull(row, "repo"),
    branch: textOrNull(row, "branch"),
    remote: textOrNull(row, "remote"),
    summary: text(row, "summary"),
    presence: oneOf(row, "presence", reportedPresences),
    last_seen: integer(row, "last_seen"),
    busy_reason: textOrNull(row, "busy_reason"),
    busy_since: integerOrNull(row, "busy_since"),
    busy_for: integerOrNull(row, "busy_for"),
    polls: integer(row, "polls") === 1,
    hooks: oneOf(row, "hooks", hooksStates),
    took_at: integerOrNull(row, "took_at"),
    created_at: integer(row, "created_at"),
    device_id: textOrNull(row, "device_id"),
    away_since: integerOrNull(row, "away_since"),
    own_summary: integer(row, "own_summary") === 1,
    wakes: integer(row, "wakes") === 1,
    server_pid: integerOrNull(row, "server_pid"),
    beat_ms: integer(row, "beat_ms"),
  };
}

export async function insertPeer(sql: Sql, peer: Peer, secretHash: string): Promise<void> {
  await sql(
    `INSERT INTO peers (peer_id, name, name_key, secret_hash, host, claude_pid, session_id, cwd, repo, branch, remote, summary, presence, last_seen, busy_reason, busy_since, busy_for, polls, hooks, took_at, created_at, device_id, own_summary, wakes, server_pid, beat_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)`,
    peer.peer_id,
    peer.name,
    peer.name.toLowerCase(),
    secretHash,
    peer.host,
    peer.claude_pid,
    peer.session_id,
    peer.cwd,
    peer.repo,
    peer.branch,
    peer.remote,
    peer.summary,
    peer.presence,
    peer.last_seen,
    peer.busy_reason,
    peer.busy_since,
    peer.busy_for,
    peer.polls ? 1 : 0,
    peer.hooks,
    peer.took_at,
    peer.created_at,
    peer.device_id,
    peer.own_summary ? 1 : 0,
    peer.wakes ? 1 : 0,
    peer.server_pid,
    peer.beat_ms,
  );
}

/** Updates all mutable columns of a peer. That it was away is forgotten only by the sweep, which may have to act on it. */
export async function updatePeer(sql: Sql, peer: Peer): Promise<void> {
  await sql(
    `UPDATE peers SET name = $2, name_key = $3, host = $4, claude_pid = $5, session_id = $6, cwd = $7, repo = $8,
       branch = $9, remote = $10, summary = $11, presence = $12, last_seen = $13,
       busy_reason = $14, busy_since = $15, busy_for = $16, polls = $17,
       hooks = $18, took_at = $19, device_id = $20, own_summary = $21, wakes = $22, server_pid = $23, beat_ms = $24,
       away_since = CASE WHEN away_since IS NOT NULL AND $12 <> 'offline' THEN -1 ELSE away_since END WHERE peer_id = $1`,
    peer.peer_id,
    peer.name,
    peer.name.toLowerCase(),
    peer.host,
    peer.claude_pid,
    peer.session_id,
    peer.cwd,
    peer.repo,
    peer.branch,
    peer.remote,
    peer.summary,
    peer.presence,
    peer.last_seen,
    peer.busy_reason,
    peer.busy_since,
    peer.busy_for,
    peer.polls ? 1 : 0,
    peer.hooks,
    peer.took_at,
    peer.device_id,
    peer.own_summary ? 1 : 0,
    peer.wakes ? 1 : 0,
    peer.server_pid,
    peer.beat_ms,
  );
}

/** The peer and the hash of its secret, for authentication. */
export async function findCredentials(
  sql: Sql,
  peerId: string,
): Promise<{ peer: Peer; secretHash: string } | undefined> {
  const [row] = await sql(
    `SELECT ${PEER}, secret_hash FROM peers WHERE peer_id = $1 AND removed_at IS NULL LIMIT 1`,
    peerId,
  );
  return row && { peer: toPeer(row), secretHash: text(row, "secret_hash") };
}

/** Candidates for a reference: the peer with exactly that name, and those whose id starts with it. */
export async function findByNameOrPrefix(sql: Sql, ref: string): Promise<Peer[]> {
  const key = ref.toLowerCase();
  const isPrefix = /^[0-9a-f]{4,32}$/.test(key);
  const rows = isPrefix
    ? await sql(
        `SELECT ${PEER} FROM peers WHERE name_key = $1 OR (peer_id >= $1 AND peer_id < $2 AND removed_at IS NULL)
         ORDER BY peer_id LIMIT 50`,
        key,
        `${key}g`,
      )
    : await sql(`SELECT ${PEER} FROM peers WHERE name_key = $1 LIMIT 1`, key);
  return rows.map(toPeer);
}

/** Removed peers with exactly that name, and those whose id starts with it. */
export async function findFormer(sql: Sql, ref: string): Promise<{ peer_id: string; name: string; host: string }[]> {
  const key = ref.toLowerCase();
  const isPrefix = /^[0-9a-f]{4,32}$/.test(key);
  const rows = await sql(
    `SELECT peer_id, name, host FROM peers WHERE removed_at IS NOT NULL
       AND (lower(name) = $1 OR (peer_id >= $2 AND peer_id < $3)) ORDER BY removed_at DESC LIMIT 50`,
    key,
    isPrefix ? key : "g",
    isPrefix ? `${key}g` : "g",
  );
  return rows.map((row) => ({ peer_id: text(row, "peer_id"), name: text(row, "name"), host: text(row, "host") }));
}

/** Peers with this name, or with a name that starts with `stem`. */
export async function peersNamedLike(sql: Sql, name: string, stem: string): Promise<ListedPeer[]> {
  // Names contain no character above "z".
  const rows = await sql(
    `SELECT ${PEER}, ${WAITING} AS waiting FROM peers WHERE name_key = $1 OR (name_key >= $2 AND name_key < $3)`,
    name.toLowerCase(),
    stem.toLowerCase(),
    `${stem.toLowerCase()}{`,
  );
  return rows.map(toListedPeer);
}

/** The only machine that peers have registered from; `undefined` for none or several. */
export async function singleHost(sql: Sql): Promise<string | undefined> {
  // Two subqueries, each of which reads one end of an index.
  const [row] = await sql(
    "SELECT (SELECT min(host) FROM peers WHERE removed_at IS NULL) AS first, (SELECT max(host) FROM peers WHERE removed_at IS NULL) AS last",
  );
  const first = row && textOrNull(row, "first");
  return first && first === textOrNull(row, "last") ? first : undefined;
}

/** The peers with these ids, unordered. */
export async function findPeers(sql: Sql, peerIds: readonly string[]): Promise<Peer[]> {
  if (peerIds.length === 0) return [];
  const rows = await sql(
    `SELECT ${PEER} FROM peers WHERE peer_id IN (${placeholders(peerIds.length)}) AND removed_at IS NULL`,
    ...peerIds,
  );
  return rows.map(toPeer);
}

/** Names and hosts of the peers with these ids, also of removed ones, for history. */
export async function formerPeers(
  sql: Sql,
  peerIds: readonly string[],
): Promise<{ peer_id: string; name: string; host: string }[]> {
  if (peerIds.length === 0) return [];
  const rows = await sql(
    `SELECT peer_id, name, host FROM peers WHERE peer_id IN (${placeholders(peerIds.length)})`,
    ...peerIds,
  );
  return rows.map((row) => ({ peer_id: text(row, "peer_id"), name: text(row, "name"), host: text(row, "host") }));
}

export async function countPeers(sql: Sql): Promise<number> {
  const [row] = await sql("SELECT count(*) AS peers FROM peers WHERE removed_at IS NULL");
  return row ? integer(row, "peers") : 0;
}

export type ListedPeer = Peer & { waiting: number };

export const WAITING = `(SELECT count(*) FROM deliveries d WHERE d.peer_id = peers.peer_id
  AND d.state IN ('queued', 'claimed') AND ${OPEN})`;

export const toListedPeer = (row: Row): ListedPeer => ({ ...toPeer(row), waiting: integer(row, "waiting") });

/** The peers of a pool's current members. */
export async function peersOfPool(sql: Sql, poolId: string): Promise<Peer[]> {
  const rows = await sql(
    `SELECT ${PEER} FROM peers WHERE peer_id IN (SELECT m.peer_id FROM members m WHERE m.pool_id = $1 AND m.left_at IS NULL)`,
    poolId,
  );
  return rows.map(toPeer);
}

/** Up to `limit` arbitrary peers. */
export async function anyPeers(sql: Sql, limit: number): Promise<Peer[]> {
  return (await sql(`SELECT ${PEER} FROM peers WHERE removed_at IS NULL LIMIT $1`, limit)).map(toPeer);
}

/** Peers for the sweep: not marked offline but last seen before `before` or after `ahead`, and all busy ones. */
export async function sessionsToCheck(sql: Sql, before: number, ahead: number): Promise<Peer[]> {
  const rows = await sql(
    `SELECT ${PEER} FROM peers WHERE presence <> 'offline' AND last_seen <= $1
     UNION SELECT ${PEER} FROM peers WHERE presence <> 'offline' AND last_seen > $2
     UNION SELECT ${PEER} FROM peers WHERE busy_for IS NOT NULL`,
    before,
    ahead,
  );
  return rows.map(toPeer);
}

/** Peers that are not marked offline. */
export async function openSessions(sql: Sql): Promise<Peer[]> {
  return (await sql(`SELECT ${PEER} FROM peers WHERE presence <> 'offline'`)).map(toPeer);
}

/** Peers on the broker's own machine that are not marked offline. */
export async function localSessions(sql: Sql, host: string): Promise<Peer[]> {
  const rows = await sql(
    `SELECT ${PEER} FROM peers WHERE presence <> 'offline' AND host = $1 AND device_id IS NULL`,
    host,
  );
  return rows.map(toPeer);
}
