/** Statements about moving all data between databases. */
import { CctError } from "../platform/errors.ts";
import { integer, oneOf, text } from "./row.ts";
import type { Sql } from "./store.ts";

export interface MoveRecord {
  source_id: string;
  state: "running" | "done";
  digest: string;
  at: number;
}

/** The id that identifies a database as the source of a move; `fresh` becomes its id when it has none. */
export async function ensureSourceId(sql: Sql, fresh: string, now: number): Promise<string> {
  const [row] = await sql("SELECT source_id FROM moves WHERE state = 'source'");
  if (row) return text(row, "source_id");
  await sql("INSERT INTO moves (source_id, state, digest, at) VALUES ($1, 'source', '', $2)", fresh, now);
  return fresh;
}

/** Finished and unfinished moves into this database. */
export async function incomingMoves(sql: Sql): Promise<MoveRecord[]> {
  const rows = await sql("SELECT source_id, state, digest, at FROM moves WHERE state <> 'source' ORDER BY at");
  return rows.map((row) => ({
    source_id: text(row, "source_id"),
    state: oneOf(row, "state", ["running", "done"]),
    digest: text(row, "digest"),
    at: integer(row, "at"),
  }));
}

export async function recordMove(sql: Sql, { source_id, state, digest, at }: MoveRecord): Promise<void> {
  await sql(
    `INSERT INTO moves (source_id, state, digest, at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (source_id) DO UPDATE SET state = excluded.state, digest = excluded.digest, at = excluded.at`,
    source_id,
    state,
    digest,
    at,
  );
}

/** Throws `conflict` while a move into this database is unfinished. */
export async function requireNoUnfinishedMove(sql: Sql): Promise<void> {
  const unfinished = (await incomingMoves(sql)).find(({ state }) => state === "running");
  if (!unfinished) return;
  throw new CctError(
    "conflict",
    `A move into this database started at ${new Date(unfinished.at).toISOString().slice(0, 19)}Z and is not finished.`,
    "Wait for it, or repeat the same cct migrate command: it continues where it stopped.",
  );
}
