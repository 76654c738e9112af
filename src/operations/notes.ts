/** Notes for the operator: events that need a person, such as a tripped guard or lost mail. */
import * as z from "zod";
import { notesSince } from "../store/notes.ts";
import { operation } from "./core/operation.ts";
import { time } from "./support/shapes.ts";

const DAY_MS = 86_400_000;

export const notes = operation({
  name: "notes",
  by: ["operator"],
  repeatable: "always",
  cli: "notes",
  example: "notes --json",
  doc: "Lists notes for the operator, newest first: guards that tripped, mail that could not be delivered, held mail that expired.",
  input: z.strictObject({ days: z.int().min(1).max(365).optional().describe("how far back; default 7") }),
  output: z.object({ notes: z.array(z.object({ at: time, text: z.string() })) }),
  async run({ sql, now }, input) {
    const found = await notesSince(sql, now - (input.days ?? 7) * DAY_MS, 500);
    return { notes: found.map(({ at, text }) => ({ at, text })) };
  },
});
