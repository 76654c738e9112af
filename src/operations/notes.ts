/** Notes for the operator: events that need a person, such as a tripped guard or lost mail. */
import * as z from "zod";
import { pageOf, pageSize, placeAfter } from "../rules/listing.ts";
import { notesSince } from "../store/notes.ts";
import { operation } from "./core/operation.ts";
import { pageInput, pageOutput } from "./support/listing.ts";
import { time } from "./support/shapes.ts";

const DAY_MS = 86_400_000;

export const notes = operation({
  name: "notes",
  by: ["operator"],
  repeatable: "always",
  cli: "notes",
  example: "notes --json",
  doc: "Lists notes for the operator, newest first: guards that tripped, mail that could not be delivered, held mail that expired.",
  input: z.strictObject({
    days: z.int().min(1).max(365).optional().describe("how far back; default 7"),
    ...pageInput,
  }),
  output: z.object({ notes: z.array(z.object({ at: time, text: z.string() })), ...pageOutput }),
  async run({ sql, now, limits }, input) {
    const limit = pageSize(input.limit, limits.page);
    const place = placeAfter(input.after, 1);
    const after = place && { at: place.numbers[0] ?? 0, note_id: place.id };
    const found = await notesSince(sql, now - (input.days ?? 7) * DAY_MS, after, limit + 1);
    const { page, ...rest } = pageOf(found, limit, (note) => [note.at, note.note_id]);
    return { notes: page.map(({ at, text }) => ({ at, text })), ...rest };
  },
});
