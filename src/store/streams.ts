/** Statements about peers' event streams. A table of its own: it is written with most mail, and peers are remembered. */
import { noStream, type PeerStream } from "../rules/stream-claims.ts";
import { text } from "./row.ts";
import type { Sql } from "./store.ts";

/** Seam: only the statements below write this text. */
const toStream = (json: string): PeerStream => JSON.parse(json) as PeerStream;

export async function streamOf(sql: Sql, peerId: string): Promise<PeerStream> {
  const [row] = await sql("SELECT state FROM streams WHERE peer_id = $1 LIMIT 1", peerId);
  return row ? toStream(text(row, "state")) : noStream;
}

/** Stores the stream of a peer that has had one before. */
export async function setStream(sql: Sql, peerId: string, stream: PeerStream): Promise<void> {
  // Never deleted and inserted: PostgreSQL notices two transactions at once only if both write the same row.
  await sql("UPDATE streams SET state = $2 WHERE peer_id = $1", peerId, JSON.stringify(stream));
}

export async function putStream(sql: Sql, peerId: string, stream: PeerStream): Promise<void> {
  await sql(
    "INSERT INTO streams (peer_id, state) VALUES ($1, $2) ON CONFLICT (peer_id) DO UPDATE SET state = excluded.state",
    peerId,
    JSON.stringify(stream),
  );
}
