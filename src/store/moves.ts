/** Statements about moves of all data from one database to another. */
import { CctError } from "../platform/errors.ts";
import { integer, oneOf, text } from "./row.ts";
import type { Sql } from "./store.ts";

export interface MoveNote {
  source_id: string;
  state: "running" | "done";
  digest: string;
  at: number;
}

/** The id by which a database is known where its data goes; it gets `fresh` when it has none. */
export async function sourceId(sql: Sql, fresh: string, now: number): Promise<string> {
  const [row] = await sql("SELECT source_id FROM moves WHERE state = 'source'");
  if (row) return text(row, "source_id");
  await sql("INSERT INTO moves (source_id, state, digest, at) VALUES ($1, 'source', '', $2)", fresh, now);
  return fresh;
}

/** The moves that came here, or were to come. */
export async function movesHere(sql: Sql): Promise<MoveNote[]> {
  const rows = await sql("SELECT source_id, state, digest, at FROM moves WHERE state <> 'source' ORDER BY at");
  return rows.map((row) => ({
    source_id: text(row, "source_id"),
    state: oneOf(row, "state", ["running", "done"]),
    digest: text(row, "digest"),
    at: integer(row, "at"),
  }));
}

export async function noteMove(sql: Sql, { source_id, state, digest, at }: MoveNote): Promise<void> {
  await sql(
    `INSERT INTO moves (source_id, state, digest, at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (source_id) DO UPDATE SET state = excluded.state, digest = excluded.digest, at = excluded.at`,
    source_id,
    state,
    digest,
    at,
  );
}

/** Throws `conflict` while only a part of what moves here may be here. */
export async function checkMoves(sql: Sql): Promise<void> {
  const unfinished = (await movesHere(sql)).find(({ state }) => state === "running");
  if (!unfinished) return;
  throw new CctError(
    "conflict",
    `The database holds a part of what moves there since ${new Date(unfinished.at).toISOString().slice(0, 19)}Z: the move is not finished.`,
    "Wait for it, or repeat the same cct migrate: it goes on where it was.",
  );
}
