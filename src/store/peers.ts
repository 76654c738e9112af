/** Statements about peers. */
import type { Blocked } from "../rules/blocked-on.ts";
import { BEAT_MS, type Hooks, hooksStates, reportedPresences, type Session } from "../rules/presence.ts";
import { integer, integerOrNull, oneOf, placeholders, text, textOrNull } from "./row.ts";
import type { Row, Sql, Value } from "./store.ts";

export interface Peer extends Session, Blocked {
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
  /** Mail can reach its model while it works. */
  midturn: boolean;
  agent: string;
  /** The process id of its session server; `null`: unknown. */
  server_pid: number | null;
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
  /** Its name was given on purpose (`rules/seats.ts`). */
  seat: boolean;
  /** What its host calls it in its own messaging, in lower case. */
  alias: string | null;
  /** The operator may have muted it: see `mutes.ts`, which alone writes this. */
  muted: boolean;
}

/** `claude_pid` is the column of `host_pid`: see migration 41. */
export const PEER =
  "peer_id, name, host, claude_pid, session_id, cwd, repo, branch, remote, summary, presence, last_seen, busy_reason, busy_since, busy_for, polls, hooks, took_at, created_at, device_id, away_since, own_summary, wakes, server_pid, beat_ms, seat, alias, muted, blocked_tool, blocked_what, agent, midturn";

/** Of rows that the driver remembers. */
const known = new WeakMap<Row, Peer>();

export function toPeer(row: Row): Peer {
  const before = known.get(row);
  if (before) return before;
  const peer: Peer = {
    peer_id: text(row, "peer_id"),
    name: text(row, "name"),
    host: text(row, "host"),
    host_pid: integer(row, "claude_pid"),
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
    seat: integer(row, "seat") === 1,
    alias: textOrNull(row, "alias"),
    blocked_tool: textOrNull(row, "blocked_tool"),
    blocked_what: textOrNull(row, "blocked_what"),
    muted: integer(row, "muted") === 1,
    agent: text(row, "agent"),
    midturn: integer(row, "midturn") === 1,
  };
  if (Object.isFrozen(row)) known.set(row, Object.freeze(peer));
  return peer;
}

/** The mutable columns of a peer, in the order of `changeable`. */
const CHANGEABLE =
  "last_seen, name, name_key, host, claude_pid, session_id, cwd, repo, branch, remote, summary, presence, busy_reason, busy_since, busy_for, polls, hooks, took_at, device_id, own_summary, wakes, server_pid, beat_ms, seat, alias, blocked_tool, blocked_what, agent, midturn".split(
    ", ",
  );

const changeable = (peer: Peer): Value[] => [
  peer.last_seen,
  peer.name,
  peer.name.toLowerCase(),
  peer.host,
  peer.host_pid,
  peer.session_id,
  peer.cwd,
  peer.repo,
  peer.branch,
  peer.remote,
  peer.summary,
  peer.presence,
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
  peer.seat ? 1 : 0,
  peer.alias,
  peer.blocked_tool,
  peer.blocked_what,
  peer.agent,
  peer.midturn ? 1 : 0,
];

const INSERT = `INSERT INTO peers (peer_id, secret_hash, created_at, ${CHANGEABLE.join(", ")})
  VALUES (${placeholders(3 + CHANGEABLE.length)})`;

export async function insertPeer(sql: Sql, peer: Peer, secretHash: string): Promise<void> {
  await sql(INSERT, peer.peer_id, secretHash, peer.created_at, ...changeable(peer));
}

/**
 * Updates a peer. `before`: as it is stored. Only what changes is written: if all columns were, SQLite would write each index again,
 * and most updates are of a time. That it was away is forgotten only by the sweep, which may have to act on it.
 */
export async function updatePeer(sql: Sql, peer: Peer, before: Peer): Promise<void> {
  const known = changeable(before);
  const values: Value[] = [peer.peer_id];
  let setters = before.away_since !== null && peer.presence !== "offline" ? ", away_since = -1" : "";
  for (const [i, value] of changeable(peer).entries())
    if (value !== known[i]) setters += `, ${CHANGEABLE[i]} = $${values.push(value)}`;
  if (setters !== "") await sql(`UPDATE peers SET ${setters.slice(2)} WHERE peer_id = $1`, ...values);
}

/** A hash that no secret has: of removed peers, and of people. */
export const NO_HASH = "0".repeat(64);

/** Excludes people from the peers: they have no machine of their own. */
export const IS_SESSION = "host > ''";

const CREDENTIALS = `SELECT ${PEER}, secret_hash FROM peers WHERE peer_id = $1 AND removed_at IS NULL LIMIT 1`;
const BY_NAME = `SELECT ${PEER} FROM peers WHERE name_key = $1 AND ${IS_SESSION} LIMIT 1`;

/** The peer and the hash of its secret, for authentication. */
export async function findCredentials(
  sql: Sql,
  peerId: string,
): Promise<{ peer: Peer; secretHash: string } | undefined> {
  const [row] = await sql(CREDENTIALS, peerId);
  return row && { peer: toPeer(row), secretHash: text(row, "secret_hash") };
}

/** Candidates for a reference: the peer with exactly that name, and those whose id starts with it. */
export async function findByNameOrPrefix(sql: Sql, ref: string): Promise<Peer[]> {
  const key = ref.toLowerCase();
  const isPrefix = /^[0-9a-f]{4,32}$/.test(key);
  const rows = isPrefix
    ? await sql(
        `SELECT ${PEER} FROM peers
         WHERE (name_key = $1 OR (peer_id >= $1 AND peer_id < $2 AND removed_at IS NULL)) AND ${IS_SESSION} ORDER BY peer_id LIMIT 50`,
        key,
        `${key}g`,
      )
    : await sql(BY_NAME, key);
  return rows.map(toPeer);
}

/** Live peers that their hosts call so. */
export async function findByAlias(sql: Sql, name: string): Promise<Peer[]> {
  const rows = await sql(
    `SELECT ${PEER} FROM peers WHERE alias = $1 AND presence <> 'offline' ORDER BY peer_id LIMIT 50`,
    name.toLowerCase(),
  );
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

/** The only machine that peers have registered from; `undefined` for none or several. */
export async function singleHost(sql: Sql): Promise<string | undefined> {
  // Two subqueries, each of which reads one end of an index.
  const [row] = await sql(
    `SELECT (SELECT min(host) FROM peers WHERE removed_at IS NULL AND ${IS_SESSION}) AS first,
       (SELECT max(host) FROM peers WHERE removed_at IS NULL AND ${IS_SESSION}) AS last`,
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
  const [row] = await sql(`SELECT count(*) AS peers FROM peers WHERE removed_at IS NULL AND ${IS_SESSION}`);
  return row ? integer(row, "peers") : 0;
}

/** `waiting`: counted up to `COUNT_LIMIT`. */
export type ListedPeer = Peer & { waiting: number };

export const toListedPeer = (row: Row): ListedPeer => ({ waiting: integer(row, "waiting"), ...toPeer(row) });

/** The peers of a pool's current members. */
export async function peersOfPool(sql: Sql, poolId: string): Promise<Peer[]> {
  const rows = await sql(
    `SELECT ${PEER} FROM peers WHERE peer_id IN (SELECT m.peer_id FROM members m WHERE m.pool_id = $1 AND m.left_at IS NULL)`,
    poolId,
  );
  return rows.map(toPeer);
}

/** Up to `limit` arbitrary peers, without this one. */
export async function anyPeers(sql: Sql, but: string, limit: number): Promise<Peer[]> {
  const rows = await sql(
    `SELECT ${PEER} FROM peers WHERE removed_at IS NULL AND ${IS_SESSION} AND peer_id <> $1 LIMIT $2`,
    but,
    limit,
  );
  return rows.map(toPeer);
}

/**
 * Peers for the sweep: not marked offline but last seen before `before`, or by as much earlier as they were told to report less
 * often, or after `ahead`; and all busy ones.
 */
export async function sessionsToCheck(sql: Sql, before: number, ahead: number): Promise<Peer[]> {
  const rows = await sql(
    `SELECT ${PEER} FROM peers WHERE presence <> 'offline' AND last_seen <= $1 AND last_seen + beat_ms <= $1 + ${BEAT_MS}
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

/** Peers whose last session was on a device, and is not marked offline. */
export async function sessionsOf(sql: Sql, deviceId: string): Promise<Peer[]> {
  return (await sql(`SELECT ${PEER} FROM peers WHERE device_id = $1 AND presence <> 'offline'`, deviceId)).map(toPeer);
}

/** Peers on the broker's own machine that are not marked offline. */
export async function localSessions(sql: Sql, host: string): Promise<Peer[]> {
  const rows = await sql(
    `SELECT ${PEER} FROM peers WHERE presence <> 'offline' AND host = $1 AND device_id IS NULL`,
    host,
  );
  return rows.map(toPeer);
}
