/** Statements that store messages of an export, with what became of them. */
import type { DeliveryRow } from "./messages.ts";
import { NO_HASH } from "./peers.ts";
import { placeholders, text } from "./row.ts";
import type { Sql } from "./store.ts";

/** Those of these messages that are stored. */
export async function knownMessages(sql: Sql, ids: readonly string[]): Promise<Set<string>> {
  const rows = await sql(`SELECT message_id FROM messages WHERE message_id IN (${placeholders(ids.length)})`, ...ids);
  return new Set(rows.map((row) => text(row, "message_id")));
}

/** The lowest number from `seq` on that no message has. */
export async function freeSeq(sql: Sql, seq: number): Promise<number> {
  for (let free = seq; ; free++)
    if ((await sql("SELECT message_id FROM messages WHERE seq = $1", free)).length === 0) return free;
}

/** Makes a row for a peer that is only known from history, unless it is there. Like a removed one, it is no address. */
export async function insertFormer(sql: Sql, id: string, name: string, host: string, now: number): Promise<void> {
  await sql(
    `INSERT INTO peers (peer_id, name, name_key, secret_hash, host, claude_pid, cwd, summary, presence, last_seen, created_at, removed_at)
     VALUES ($1, $2, $3, '${NO_HASH}', $4, 0, '', '', 'offline', $5, $5, $5) ON CONFLICT (peer_id) DO NOTHING`,
    id,
    name,
    `/${id}`,
    host,
    now,
  );
}

/** Stores a delivery that has ended. */
export async function insertEnded(sql: Sql, delivery: DeliveryRow, characters: number): Promise<void> {
  const { message_id, peer_id, seq, state, attempt, redelivered, delivered_at, read_at, reason } = delivery;
  await sql(
    `INSERT INTO deliveries (message_id, peer_id, seq, state, attempt, redelivered, delivered_at, read_at, lost, reason, rank, characters)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, 1, $10)`,
    message_id,
    peer_id,
    seq,
    state,
    attempt,
    redelivered ? 1 : 0,
    delivered_at,
    read_at,
    reason,
    characters,
  );
}
