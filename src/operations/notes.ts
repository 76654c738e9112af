/** What the operator should know: written when a guard trips or mail is lost, read at the command line. */
import * as z from "zod";
import type { Tripped } from "../rules/guards.ts";
import { insertNote, lastNoteAt, notesSince } from "../store/notes.ts";
import { type Context, operation } from "./core/operation.ts";
import { time } from "./support/shapes.ts";

/** What trips again and again is written down once in this while. */
const NOTE_EVERY_MS = 10 * 60_000;

/** Writes a note, unless one on the same subject was written a moment ago. */
export async function note(
  { sql, now, newId }: Pick<Context, "sql" | "now" | "newId">,
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

const DAY_MS = 86_400_000;

export const notes = operation({
  name: "notes",
  by: ["operator"],
  cli: "notes",
  doc: "What you, the operator, should know: guards that tripped, mail that nobody could be given, held mail that expired. Newest first.",
  input: z.strictObject({ days: z.int().min(1).max(365).optional().describe("how far back; 7 when left out") }),
  output: z.object({ notes: z.array(z.object({ at: time, text: z.string() })) }),
  async run({ sql, now }, input) {
    const found = await notesSince(sql, now - (input.days ?? 7) * DAY_MS, 500);
    return { notes: found.map(({ at, text }) => ({ at, text })) };
  },
});
