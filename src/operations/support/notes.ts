/** Notes to the operator, rate limited per subject. */
import type { Tripped } from "../../rules/guards.ts";
import { insertNote, lastNoteAt } from "../../store/notes.ts";
import type { TransactionContext } from "../core/transaction.ts";

/** What trips again and again is written down once in this while. */
const NOTE_EVERY_MS = 10 * 60_000;

/** Writes a note, unless one on the same subject was written a moment ago. */
export async function note(
  { sql, now, newId }: Pick<TransactionContext, "sql" | "now" | "newId">,
  subject: string,
  text: string,
): Promise<void> {
  const last = await lastNoteAt(sql, subject);
  if (last !== undefined && now - last < NOTE_EVERY_MS && last <= now) return;
  await insertNote(sql, { note_id: newId(), at: now, subject, text });
}

/** What the operator is told of a guard that tripped. */
export function guardNote(tripped: Tripped, from: string, to: string): { subject: string; text: string } {
  const what = {
    repeat: "sent the same text again within a minute",
    hops: "went on with a chain of replies that looks like a loop",
    pair: "sent very many messages to one address",
    sender: "sent very many messages",
  }[tripped.guard];
  return {
    subject: `guard ${tripped.guard} ${from}`,
    text: `${from} ${what} (to ${to}). Nothing was sent, and it was told so. Look at: cct messages --peer ${from}`,
  };
}
