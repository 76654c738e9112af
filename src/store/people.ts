/**
 * Statements about people: the operator, and the person at each other machine. A person is a row among the peers, with a mailbox
 * like theirs, but without a session, a secret or a machine: its `host` is '' (`IS_SESSION` excludes it).
 */
import { type DeliveryState, deliveryStates } from "../rules/delivery.ts";
import { MESSAGE, type Message, READY, toMessage } from "./messages.ts";
import { NO_HASH, PEER, type Peer, toPeer } from "./peers.ts";
import { integer, integerOrNull, oneOf, textOrNull } from "./row.ts";
import type { Sql } from "./store.ts";

/** The mailbox of a person; also of one whose machine was shut out. */
export async function findPerson(sql: Sql, id: string): Promise<{ person: Peer; isRemoved: boolean } | undefined> {
  const [row] = await sql(`SELECT ${PEER}, removed_at FROM peers WHERE peer_id = $1`, id);
  return row && { person: toPeer(row), isRemoved: integerOrNull(row, "removed_at") !== null };
}

/** Makes a person's mailbox, unless it is there. */
export async function insertPerson(sql: Sql, id: string, name: string, now: number): Promise<void> {
  await sql(
    `INSERT INTO peers (peer_id, name, name_key, secret_hash, host, claude_pid, cwd, summary, presence, last_seen, created_at)
     VALUES ($1, $2, $3, '${NO_HASH}', '', 0, '', '', 'offline', $4, $4) ON CONFLICT (peer_id) DO NOTHING`,
    id,
    name,
    name.toLowerCase(),
    now,
  );
}

export async function renamePerson(sql: Sql, id: string, name: string): Promise<void> {
  await sql(
    "UPDATE peers SET name = $2, name_key = $3 WHERE peer_id = $1 AND removed_at IS NULL",
    id,
    name,
    name.toLowerCase(),
  );
}

/** A message in a person's inbox. */
export type PersonalMail = Message & {
  pool: string | null;
  from_host: string | null;
  state: DeliveryState;
  read_at: number | null;
  /** 0 while it is unread, then 1. */
  part: number;
};

/** What of an inbox is wanted. */
export interface InboxFilter {
  unreadOnly: boolean;
  reply_to: string | undefined;
  message_id: string | undefined;
  after: { part: number; seq: number } | undefined;
  limit: number;
}

/** One page of a person's inbox: what is unread first, each part newest first. */
export async function personalMail(sql: Sql, id: string, filter: InboxFilter, now: number): Promise<PersonalMail[]> {
  const { unreadOnly, after, limit } = filter;
  const found: PersonalMail[] = [];
  for (const part of unreadOnly ? [0] : [0, 1]) {
    if (after && part < after.part) continue;
    const before = after && part === after.part ? after.seq : Number.MAX_SAFE_INTEGER;
    found.push(...(await inboxPart(sql, id, filter, part, before, limit - found.length, now)));
    if (found.length >= limit) break;
  }
  return found;
}

async function inboxPart(
  sql: Sql,
  id: string,
  { reply_to, message_id }: InboxFilter,
  part: number,
  before: number,
  limit: number,
  now: number,
): Promise<PersonalMail[]> {
  const rows = await sql(
    `SELECT ${MESSAGE}, p.name AS pool, s.host AS from_host, d.state, d.read_at
     FROM deliveries d JOIN messages m ON m.message_id = d.message_id LEFT JOIN pools p ON p.pool_id = m.pool_id
       LEFT JOIN peers s ON s.peer_id = m.from_id
     WHERE d.peer_id = $1 AND ${part === 0 ? READY : `NOT (${READY})`} AND d.seq < $3
       AND (m.reply_to = $4 OR $4 = '') AND (m.message_id = $5 OR $5 = '')
     ORDER BY d.seq DESC LIMIT $6`,
    id,
    now,
    before,
    reply_to ?? "",
    message_id ?? "",
    limit,
  );
  return rows.map((row) => ({
    ...toMessage(row),
    pool: textOrNull(row, "pool"),
    from_host: textOrNull(row, "from_host"),
    state: oneOf(row, "state", deliveryStates),
    read_at: integerOrNull(row, "read_at"),
    part,
  }));
}

/** The number of a person's unread messages. */
export async function countInbox(sql: Sql, id: string, now: number): Promise<number> {
  const [row] = await sql(`SELECT count(*) AS unread FROM deliveries d WHERE d.peer_id = $1 AND ${READY}`, id, now);
  return row ? integer(row, "unread") : 0;
}
