/** Statements that find what needs the operator. Each reads a bounded number of rows, by an index of just those. */

import type { GuardNote, Question, StoppedDelivery, TroubledSession } from "../rules/attention-facts.ts";
import { guards } from "../rules/guards.ts";
import { directOf, pairOf } from "./conversations.ts";
import { WAITING } from "./inbox.ts";
import { FAILED_STATES } from "./messages.ts";
import { PEER, toListedPeer } from "./peers.ts";
import { spansAt } from "./presence.ts";
import { integer, integerOrNull, oneOf, text, textOrNull } from "./row.ts";
import type { Row, Sql } from "./store.ts";

/** Rows of each kind; deliveries are grouped, so more of them are read. */
const MOST = 200;
const MOST_DELIVERIES = 500;
/** The beginning of a text. */
const TEXT = "substr(m.text, 1, 400) AS text";

/** Sessions that are blocked, or whose hooks do not take their mail. */
export async function troubledSessions(sql: Sql, now: number): Promise<TroubledSession[]> {
  const rows = await sql(
    `SELECT ${PEER}, ${WAITING} AS waiting FROM peers
     WHERE presence <> 'offline' AND (presence = 'blocked' OR hooks <> 'live') ORDER BY last_seen DESC LIMIT ${MOST}`,
  );
  const peers = rows.map(toListedPeer);
  const ids = peers.map(({ peer_id }) => peer_id);
  const spans = await spansAt(sql, ids, now);
  return peers.map((peer) => ({ since: spans.get(peer.peer_id)?.from_at, ...peer }));
}

/** The key of the pair of `m`'s sender and $1. */
const pairKey = "CASE WHEN m.from_id < $1 THEN m.from_id || '~' || $1 ELSE $1 || '~' || m.from_id END";

/**
 * Messages to a person since the sequence number `since`, the newest ones: unread, or read and perhaps not answered. Answers are
 * looked for among the messages of the pair, which are few, and not among all that the person wrote.
 */
export async function questionsTo(sql: Sql, personId: string, since: number): Promise<Question[]> {
  const rows = await sql(
    `SELECT m.message_id, m.from_id, m.from_name, m.sent_at, ${TEXT}, d.state, CASE WHEN EXISTS (
       SELECT 1 FROM messages r WHERE ${directOf("r")} AND ${pairOf("r")} = ${pairKey} AND r.seq > d.seq AND r.from_id = $1
     ) THEN 1 ELSE 0 END AS answered
     FROM deliveries d JOIN messages m ON m.message_id = d.message_id
     WHERE d.peer_id = $1 AND d.seq > $2 AND d.state IN ('queued', 'read') AND m.from_id <> 'cct'
     ORDER BY d.seq DESC LIMIT ${MOST}`,
    personId,
    since,
  );
  return rows.map((row) => ({
    message_id: text(row, "message_id"),
    from_id: text(row, "from_id"),
    from_name: text(row, "from_name"),
    text: text(row, "text"),
    sent_at: integer(row, "sent_at"),
    isUnread: text(row, "state") === "queued",
    isAnswered: integer(row, "answered") === 1,
  }));
}

const STOPPED = `SELECT d.peer_id, p.name, d.message_id, d.seq, m.from_id, m.from_name, m.sent_at, d.expires_at, ${TEXT}, d.reason
  FROM deliveries d JOIN messages m ON m.message_id = d.message_id JOIN peers p ON p.peer_id = d.peer_id`;

/** The newest deliveries that policies hold. */
export async function heldForReview(sql: Sql): Promise<StoppedDelivery[]> {
  const rows = await sql(
    `${STOPPED} WHERE d.state = 'held' AND d.held_by IS NULL ORDER BY d.seq DESC LIMIT ${MOST_DELIVERIES}`,
  );
  return rows.map(toStopped);
}

/**
 * The newest deliveries since the sequence number `since` that ended unread and can be sent again: dead letters, and whatever
 * the operator sent. What else expires or is refused does so because its sender or recipient wanted it.
 */
export async function deadLetters(sql: Sql, since: number): Promise<StoppedDelivery[]> {
  const rows = await sql(
    `${STOPPED} WHERE d.state IN ${FAILED_STATES} AND d.seq > $1
       AND (d.state = 'dead' OR m.from_id = 'operator') AND m.from_id <> 'cct' AND p.removed_at IS NULL
     ORDER BY d.seq DESC LIMIT ${MOST_DELIVERIES}`,
    since,
  );
  return rows.map(toStopped);
}

const toStopped = (row: Row): StoppedDelivery => ({
  peer_id: text(row, "peer_id"),
  name: text(row, "name"),
  message_id: text(row, "message_id"),
  seq: integer(row, "seq"),
  from_id: text(row, "from_id"),
  from_name: text(row, "from_name"),
  sent_at: integer(row, "sent_at"),
  expires_at: integerOrNull(row, "expires_at"),
  text: text(row, "text"),
  reason: textOrNull(row, "reason"),
});

/** As a sender was called last. The row of a removed peer goes with the last mail to it. */
const SAID = (id: string): string =>
  `(SELECT m.from_name FROM messages m WHERE m.from_id = ${id} ORDER BY m.seq DESC LIMIT 1)`;

/** The newest notes about guards since `since`. */
export async function guardNotes(sql: Sql, since: number): Promise<GuardNote[]> {
  const rows = await sql(
    `SELECT n.at, n.guard, n.from_id, n.to_id, coalesce(f.name, ${SAID("n.from_id")}, n.from_id) AS from_name,
       coalesce(t.name, '@' || l.name, ${SAID("n.to_id")}, n.to_id) AS to_name
     FROM notes n LEFT JOIN peers f ON f.peer_id = n.from_id LEFT JOIN peers t ON t.peer_id = n.to_id
       LEFT JOIN pools l ON l.pool_id = n.to_id
     WHERE n.guard IS NOT NULL AND n.at > $1 ORDER BY n.at DESC LIMIT ${MOST}`,
    since,
  );
  return rows.map((row) => ({
    guard: oneOf(row, "guard", guards),
    at: integer(row, "at"),
    from_id: text(row, "from_id"),
    from_name: text(row, "from_name"),
    to_id: text(row, "to_id"),
    to_name: text(row, "to_name"),
  }));
}

/** When each row was put aside. */
export async function dismissals(sql: Sql): Promise<Map<string, number>> {
  const rows = await sql("SELECT need_id, at FROM dismissals ORDER BY at DESC LIMIT 5000");
  return new Map(rows.map((row) => [text(row, "need_id"), integer(row, "at")]));
}

export async function putDismissal(sql: Sql, needId: string, now: number): Promise<void> {
  await sql(
    "INSERT INTO dismissals (need_id, at) VALUES ($1, $2) ON CONFLICT (need_id) DO UPDATE SET at = excluded.at",
    needId,
    now,
  );
}

export async function deleteDismissal(sql: Sql, needId: string): Promise<void> {
  await sql("DELETE FROM dismissals WHERE need_id = $1", needId);
}

/** Deletes what was put aside at `before` or earlier; returns how many. */
export async function deleteOldDismissals(sql: Sql, before: number, limit: number): Promise<number> {
  const rows = await sql(
    `DELETE FROM dismissals WHERE need_id IN (SELECT n.need_id FROM dismissals n WHERE n.at <= $1 ORDER BY n.at LIMIT $2)
     RETURNING need_id`,
    before,
    limit,
  );
  return rows.length;
}
