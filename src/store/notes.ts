/** Statements about notes to the operator. */
import type { Guard } from "../rules/guards.ts";
import { integer, text } from "./row.ts";
import type { Sql } from "./store.ts";

export interface Note {
  note_id: string;
  at: number;
  subject: string;
  text: string;
}

/** What a note is about, when a guard tripped: the peer that it stopped, and the peer or pool that this peer wrote to. */
export interface AboutGuard {
  guard: Guard;
  from_id: string;
  /** '': none. */
  to_id: string;
}

export async function insertNote(sql: Sql, note: Note, about?: AboutGuard): Promise<void> {
  await sql(
    "INSERT INTO notes (note_id, at, subject, text, guard, from_id, to_id) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    note.note_id,
    note.at,
    note.subject,
    note.text,
    about?.guard ?? null,
    about?.from_id ?? null,
    about?.to_id ?? null,
  );
}

/** When the last note on this subject was written. */
export async function lastNoteAt(sql: Sql, subject: string): Promise<number | undefined> {
  const [row] = await sql("SELECT at FROM notes WHERE subject = $1 ORDER BY at DESC LIMIT 1", subject);
  return row && integer(row, "at");
}

/** One page of the notes since `since`, newest first. */
export async function notesSince(
  sql: Sql,
  since: number,
  after: { at: number; note_id: string } | undefined,
  limit: number,
): Promise<Note[]> {
  const rows = await sql(
    `SELECT note_id, at, subject, text FROM notes WHERE at > $1 AND (at < $2 OR (at = $2 AND note_id > $3))
     ORDER BY at DESC, note_id LIMIT $4`,
    since,
    after?.at ?? Number.MAX_SAFE_INTEGER,
    after?.note_id ?? "",
    limit,
  );
  return rows.map((row) => ({
    note_id: text(row, "note_id"),
    at: integer(row, "at"),
    subject: text(row, "subject"),
    text: text(row, "text"),
  }));
}
