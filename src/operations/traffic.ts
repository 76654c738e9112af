/** Who writes to whom, and how much at what time. */
import * as z from "zod";
import { LISTING_COST } from "../rules/throttle.ts";
import { trafficOverTime, trafficPairs } from "../store/traffic.ts";
import { operation } from "./core/operation.ts";
import { time } from "./support/shapes.ts";

const MOST_PAIRS = 1_000;
/** Spans of one answer. */
const SPANS = 60;
const MINUTE_MS = 60_000;
const FROM = ["from" as const];
const TO = ["to" as const];

export const traffic = operation({
  name: "traffic",
  cost: LISTING_COST,
  isolation: "snapshot",
  by: ["operator"],
  repeatable: "always",
  cli: "traffic",
  example: "traffic --minutes 120",
  doc: "Shows who writes to whom, most first, and how much when. Mail to a pool counts for each recipient.",
  input: z.strictObject({
    minutes: z.int().min(1).max(1_440).optional().describe("how far back; default 60"),
    bucket_seconds: z.int().min(1).max(86_400).optional().describe(`length of a span; default: ${SPANS} spans`),
  }),
  output: z.object({
    since: time,
    bucket_ms: z.int(),
    pairs: z
      .array(
        z.object({
          from: z.string().describe("peer_id, or a person's id"),
          from_name: z.string().describe("last known"),
          to: z.string(),
          to_name: z.string(),
          gone: z
            .array(z.enum(["from", "to"]))
            .optional()
            .describe("which of them were removed"),
          direct: z.int(),
          pool: z.int().describe("in pools"),
          failed: z.int().describe("of these, ended unread"),
        }),
      )
      .describe(`at most ${MOST_PAIRS}`),
    times: z
      .array(z.object({ at: time, messages: z.int(), failed: z.int().describe("of these, ended unread for somebody") }))
      .describe("spans with messages; 'at' is their beginning"),
  }),
  async run({ sql, now }, input) {
    const length = (input.minutes ?? 60) * MINUTE_MS;
    const since = now - length;
    const wanted = input.bucket_seconds === undefined ? length / SPANS : input.bucket_seconds * 1000;
    // An answer has a bounded number of spans.
    const bucket_ms = Math.ceil(Math.max(wanted, length / (24 * SPANS)));
    return {
      since,
      bucket_ms,
      pairs: (await trafficPairs(sql, since * 1000, MOST_PAIRS)).map(({ isFromGone, isToGone, ...pair }) => ({
        ...((isFromGone || isToGone) && { gone: [...(isFromGone ? FROM : []), ...(isToGone ? TO : [])] }),
        ...pair,
      })),
      times: await trafficOverTime(sql, since, bucket_ms),
    };
  },
});
