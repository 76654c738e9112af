/** The cost of mail: how often it woke models or was shown to them, and how many tokens it had. */
import * as z from "zod";
import { estimatedTokens, HOUR_MS } from "../rules/guards.ts";
import { LISTING_COST } from "../rules/throttle.ts";
import { type Cost, costs } from "../store/usage.ts";
import { operation } from "./core/operation.ts";

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
  input: z.strictObject({ hours: z.int().min(1).max(8760).optional().describe("how far back; default 24") }),
  output: z.object({ peers: z.array(row), pools: z.array(row) }),
  async run({ sql, now }, input) {
    const since = now - (input.hours ?? 24) * HOUR_MS;
    const shape = ({ name, wakes, injections, messages, characters }: Cost) => ({
      name,
      wakes,
      injections,
      messages,
      tokens: estimatedTokens(messages, characters),
    });
    const peers = await costs(sql, "peer", since);
    const pools = await costs(sql, "pool", since);
    return { peers: peers.map(shape), pools: pools.map(shape) };
  },
});
