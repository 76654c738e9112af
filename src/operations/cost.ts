/** The cost of mail: how often it woke models or was shown to them, and how many tokens it had. */
import * as z from "zod";
import { estimatedTokens, HOUR_MS } from "../rules/guards.ts";
import { LISTING_COST } from "../rules/throttle.ts";
import { type Cost, costs, costsOfPairs, costsOverTime } from "../store/usage.ts";
import { operation } from "./core/operation.ts";
import { time } from "./support/shapes.ts";

const MOST_PAIRS = 500;
const SPANS = 60;

const row = z.object({
  name: z.string(),
  wakes: z.int().describe("turns that mail started"),
  injections: z.int().describe("times that mail was shown in a turn that was running anyway"),
  messages: z.int(),
  tokens: z.int().describe("estimate for the text of the mail; a woken turn also reads its context again"),
});

export const cost = operation({
  name: "cost",
  cost: LISTING_COST,
  isolation: "snapshot",
  by: ["operator"],
  repeatable: "always",
  cli: "cost",
  example: "cost --hours 24",
  doc: "Shows what mail has cost: wakes, injections and estimated tokens, by peer and by pool.",
  input: z.strictObject({
    hours: z.int().min(1).max(8760).optional().describe("how far back; default 24"),
    by: z.enum(["pair", "time"]).optional().describe("also by sender and recipient, or over time"),
  }),
  output: z.object({
    peers: z.array(row),
    pools: z.array(row),
    pairs: z
      .array(row.extend({ from: z.string(), from_name: z.string(), to: z.string() }))
      .optional()
      .describe(`the dearest ${MOST_PAIRS}; 'name' is the recipient's`),
    times: z
      .array(row.omit({ name: true }).extend({ at: time }))
      .optional()
      .describe("sixty spans; those without mail left out"),
  }),
  async run({ sql, now }, input) {
    const hours = input.hours ?? 24;
    const since = now - hours * HOUR_MS;
    const shape = ({ name, wakes, injections, messages, characters }: Cost) => ({
      name,
      wakes,
      injections,
      messages,
      tokens: estimatedTokens(messages, characters),
    });
    const peers = await costs(sql, "peer", since);
    const pools = await costs(sql, "pool", since);
    const pairs = input.by === "pair" ? await costsOfPairs(sql, since, MOST_PAIRS) : undefined;
    const times = input.by === "time" ? await costsOverTime(sql, since, (hours * HOUR_MS) / SPANS) : undefined;
    return {
      peers: peers.map(shape),
      pools: pools.map(shape),
      ...(pairs && {
        pairs: pairs.map(({ from, from_name, to, ...one }) => ({ from, from_name, to, ...shape(one) })),
      }),
      ...(times && {
        times: times.map(({ at, characters, ...one }) => ({
          at,
          ...one,
          tokens: estimatedTokens(one.messages, characters),
        })),
      }),
    };
  },
});
