/**
 * Removal of peers, and of what nothing refers to any more. A removed peer has no name and no secret; its row stays while
 * history refers to it, so that history can be read.
 */
import { RECIPIENT_REMOVED } from "../rules/delivery.ts";
import { BROKER_NAME } from "../rules/names.ts";
import { HELD, UNDELIVERED } from "./messages.ts";
import { leaveMutes } from "./mutes.ts";
import { IS_SESSION, NO_HASH } from "./peers.ts";
import { integer, placeholders, text } from "./row.ts";
import type { Sql } from "./store.ts";

/** Waiting mail `d` of the peer `p`; the broker's own reports do not count. */
export const WAITS = (states: string): string =>
  `EXISTS (SELECT 1 FROM deliveries d JOIN messages m ON m.message_id = d.message_id
     WHERE d.peer_id = p.peer_id AND ${states} AND m.from_id <> '${BROKER_NAME}')`;

/** The number of messages that wait for a peer, without the broker's own reports; counted up to `most`. */
export async function countWaiting(sql: Sql, peerId: string, most = Number.MAX_SAFE_INTEGER): Promise<number> {
  const some = (states: string): string =>
    `SELECT 1 FROM deliveries d WHERE d.peer_id = $1 AND ${states}
       AND (SELECT m.from_id FROM messages m WHERE m.message_id = d.message_id) <> '${BROKER_NAME}'`;
  const [row] = await sql(
    `SELECT count(*) AS messages FROM (${some(UNDELIVERED)} UNION ALL ${some(HELD)} LIMIT $2) waiting`,
    peerId,
    most,
  );
  return row ? integer(row, "messages") : 0;
}

/** Peers that were last seen at `before` or earlier, and that nothing holds; the longest away first. */
export async function removablePeers(sql: Sql, before: number, limit: number): Promise<string[]> {
  const rows = await sql(
    `SELECT p.peer_id FROM peers p
     WHERE p.removed_at IS NULL AND p.presence = 'offline' AND p.last_seen <= $1 AND p.${IS_SESSION}
       AND NOT ${WAITS(UNDELIVERED)} AND NOT ${WAITS(HELD)}
       AND NOT EXISTS (SELECT 1 FROM members w WHERE w.peer_id = p.peer_id AND w.left_at IS NULL)
       AND NOT EXISTS (SELECT 1 FROM services s WHERE s.owner = p.peer_id)
       AND NOT EXISTS (SELECT 1 FROM proposals o WHERE o.proposer_id = p.peer_id AND o.state = 'open')
       AND NOT EXISTS (SELECT 1 FROM proposals o WHERE o.subject_id = p.peer_id AND o.state = 'open')
       AND NOT EXISTS (SELECT 1 FROM ballots b JOIN proposals o ON o.proposal_id = b.proposal_id
                       WHERE b.peer_id = p.peer_id AND o.state = 'open')
     ORDER BY p.last_seen LIMIT $2`,
    before,
    limit,
  );
  return rows.map((row) => text(row, "peer_id"));
}

/** Removes peers: they have no name, secret, policy or membership any more, and mail that waited for them has ended. */
export async function removePeers(sql: Sql, peerIds: readonly string[], now: number): Promise<void> {
  if (peerIds.length === 0) return;
  const ids = placeholders(peerIds.length);
  for (const states of [UNDELIVERED, HELD]) {
    await sql(
      `UPDATE deliveries AS d SET state = 'dead', leased_at = NULL, reason = '${RECIPIENT_REMOVED}'
       WHERE d.peer_id IN (${ids}) AND ${states}`,
      ...peerIds,
    );
  }
  await sql(`DELETE FROM members WHERE peer_id IN (${ids})`, ...peerIds);
  await leaveMutes(sql, peerIds);
  await sql(`DELETE FROM presence_spans WHERE peer_id IN (${ids})`, ...peerIds);
  await sql(`DELETE FROM streams WHERE peer_id IN (${ids})`, ...peerIds);
  await sql(`DELETE FROM policies WHERE peer_id IN (${ids}) OR source IN (${ids})`, ...peerIds);
  await sql(
    `UPDATE peers SET removed_at = $${peerIds.length + 1}, name_key = '/' || peer_id, secret_hash = '${NO_HASH}',
       presence = 'offline', blocked_tool = NULL, blocked_what = NULL, session_id = NULL, cwd = '', repo = NULL, branch = NULL, remote = NULL, summary = '',
       busy_reason = NULL, busy_since = NULL, busy_for = NULL, polls = 0, device_id = NULL, server_pid = NULL
     WHERE peer_id IN (${ids})`,
    ...peerIds,
    now,
  );
}

/**
 * Moves a peer's mail to another mailbox, also what was read. Of a message that both have, the other peer keeps its own
 * copy, unless that one ended unread while the first still waits.
 */
export async function moveDeliveries(sql: Sql, from: string, into: string): Promise<void> {
  const waiting = "state IN ('queued', 'held')";
  await sql(
    `DELETE FROM deliveries WHERE peer_id = $2 AND state IN ('expired', 'refused', 'dead') AND EXISTS (
       SELECT 1 FROM deliveries o WHERE o.message_id = deliveries.message_id AND o.peer_id = $1 AND o.${waiting})`,
    from,
    into,
  );
  await sql(
    `DELETE FROM deliveries WHERE peer_id = $1 AND ${waiting} AND EXISTS (
       SELECT 1 FROM deliveries o WHERE o.message_id = deliveries.message_id AND o.peer_id = $2)`,
    from,
    into,
  );
  await sql(
    `UPDATE deliveries SET peer_id = $2 WHERE peer_id = $1 AND NOT EXISTS (
       SELECT 1 FROM deliveries o WHERE o.message_id = deliveries.message_id AND o.peer_id = $2)`,
    from,
    into,
  );
}

/** Gives another peer what a peer sent, its services, its open proposals, and the pools that it created. */
export async function moveOwnership(sql: Sql, from: string, into: string): Promise<void> {
  await sql("UPDATE messages SET from_id = $2 WHERE from_id = $1", from, into);
  await sql("UPDATE services SET owner = $2 WHERE owner = $1", from, into);
  await sql("UPDATE proposals SET proposer_id = $2 WHERE proposer_id = $1 AND state = 'open'", from, into);
  await sql("UPDATE pools SET created_by = $2 WHERE created_by = $1", from, into);
}

/** Gives another peer the votes of a peer in open proposals. Where both are voters, the other one's own ballot counts. */
export async function moveBallots(sql: Sql, from: string, into: string): Promise<void> {
  const open = "proposal_id IN (SELECT proposal_id FROM proposals WHERE state = 'open')";
  const other = (peer: string): string =>
    `EXISTS (SELECT 1 FROM ballots o WHERE o.proposal_id = ballots.proposal_id AND o.peer_id = ${peer}`;
  // The other one may have no vote because this peer, of the same process, has one.
  await sql(
    `DELETE FROM ballots WHERE peer_id = $2 AND excluded IS NOT NULL AND ${open} AND ${other("$1")} AND o.excluded IS NULL)`,
    from,
    into,
  );
  await sql(`DELETE FROM ballots WHERE peer_id = $1 AND ${open} AND ${other("$2")})`, from, into);
  await sql(`UPDATE ballots SET peer_id = $2 WHERE peer_id = $1 AND ${open}`, from, into);
}

/** Deletes removed peers that nothing refers to any more; returns how many. */
export async function deleteRemovedPeers(sql: Sql, limit: number): Promise<number> {
  const rows = await sql(
    `SELECT p.peer_id FROM peers p WHERE p.removed_at IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.peer_id = p.peer_id)
       AND NOT EXISTS (SELECT 1 FROM proposals o WHERE o.subject_id = p.peer_id)
       AND NOT EXISTS (SELECT 1 FROM ballots b WHERE b.peer_id = p.peer_id)
     LIMIT $1`,
    limit,
  );
  if (rows.length === 0) return 0;
  const ids = rows.map((row) => text(row, "peer_id"));
  await sql(`DELETE FROM peers WHERE peer_id IN (${placeholders(ids.length)})`, ...ids);
  return ids.length;
}

/** Deletes pools that were archived at `before` or earlier and whose messages and proposals are gone; returns how many. */
export async function deleteArchivedPools(sql: Sql, before: number, limit: number): Promise<number> {
  const rows = await sql(
    `SELECT p.pool_id FROM pools p WHERE p.archived_at IS NOT NULL AND p.archived_at <= $1
       AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.pool_id = p.pool_id AND m.pool_id IS NOT NULL)
       AND NOT EXISTS (SELECT 1 FROM proposals o WHERE o.pool_id = p.pool_id)
     ORDER BY p.archived_at LIMIT $2`,
    before,
    limit,
  );
  if (rows.length === 0) return 0;
  const ids = rows.map((row) => text(row, "pool_id"));
  const list = placeholders(ids.length);
  await sql(`DELETE FROM members WHERE pool_id IN (${list})`, ...ids);
  await sql(`DELETE FROM policies WHERE source IN (${list})`, ...ids);
  await sql(`DELETE FROM pools WHERE pool_id IN (${list})`, ...ids);
  return ids.length;
}
