/** Writes notes for the operator, rate-limited per subject. */
import type { TrippedGuard } from "../../rules/guards.ts";
import { type AboutGuard, insertNote, lastNoteAt } from "../../store/notes.ts";
import type { TransactionContext } from "../core/transaction.ts";

/** At most one note per subject in this time. */
const NOTE_EVERY_MS = 10 * 60_000;

/** Writes a note, unless there is a recent one on the same subject. */
export async function note(
  { sql, now, newId, changed }: Pick<TransactionContext, "sql" | "now" | "newId" | "changed">,
  subject: string,
  text: string,
  about?: AboutGuard,
): Promise<void> {
  const last = await lastNoteAt(sql, subject);
  if (last !== undefined && now - last < NOTE_EVERY_MS && last <= now) return;
  await insertNote(sql, { note_id: newId(), at: now, subject, text }, about);
  changed({ what: "attention" });
}

/** The note about a tripped guard. */
export function guardNote(tripped: TrippedGuard, from: string, to?: string): { subject: string; text: string } {
  const what = {
    repeat: "sent the same text again within a minute",
    hops: "continued a chain of replies that looks like a loop",
    pair: "sent too many messages to one address",
    sender: "sent too many messages",
    reports: "did too much that is reported to others",
  }[tripped.guard];
  return {
    subject: `guard ${tripped.guard} ${from}`,
    text: `${from} ${what}${to === undefined ? "" : ` (to ${to})`}. Nothing was sent, and the sender was told. See: cct messages --peer ${from}`,
  };
}
