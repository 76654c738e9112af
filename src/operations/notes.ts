/** What the operator should know: written when a guard trips or mail is lost, read at the command line. */
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
  doc: "Lists notes for the operator, newest first: guards that tripped, mail that could not be delivered, held mail that expired.",
  input: z.strictObject({ days: z.int().min(1).max(365).optional().describe("how far back; 7 when left out") }),
  output: z.object({ notes: z.array(z.object({ at: time, text: z.string() })) }),
  async run({ sql, now }, input) {
    const found = await notesSince(sql, now - (input.days ?? 7) * DAY_MS, 500);
    return { notes: found.map(({ at, text }) => ({ at, text })) };
  },
});
