/** What sessions were doing, and for how long: the history of their presence, kept for seven days. */
import * as z from "zod";
import { HOUR_MS } from "../rules/guards.ts";
import { pageOf, placeAfter } from "../rules/listing.ts";
import { presences } from "../rules/presence.ts";
import { LISTING_COST } from "../rules/throttle.ts";
import { spansIn } from "../store/presence.ts";
import { operation } from "./core/operation.ts";
import { pageOutput } from "./support/listing.ts";
import { peerNamed } from "./support/references.ts";
import { time } from "./support/shapes.ts";

const USUAL = 5_000;
const MOST = 20_000;
const KEPT_MS = 7 * 24 * HOUR_MS;

export const presenceHistory = operation({
  name: "presence_history",
  cost: LISTING_COST,
  isolation: "snapshot",
  by: ["operator", "device"],
  repeatable: "always",
  errors: ["not_found", "ambiguous"],
  cli: "peers history",
  example: "peers history --peer api",
  doc: "Shows what sessions were within a time, up to seven days back: active, idle, busy, blocked, offline.",
  input: z.strictObject({
    since: z.int().min(0).optional().describe("milliseconds since 1970; default an hour ago"),
    until: z.int().min(0).optional().describe("default now"),
    peer: z.string().min(1).max(200).optional().describe("only this one"),
    limit: z.int().min(1).max(MOST).optional().describe(`spans in an answer; default ${USUAL}`),
    after: z.string().min(1).max(120).optional().describe("'next' of the page before"),
  }),
  output: z.object({
    since: time,
    until: time,
    peers: z.array(
      z.object({
        peer_id: z.string(),
        name: z.string(),
        spans: z
          .array(z.tuple([time, z.enum(presences)]))
          .describe(
            "when each began and what it was; it lasts until the next one. The first may have begun before 'since'",
          ),
      }),
    ),
    ...pageOutput,
  }),
  async run(context, input) {
    const { sql, now } = context;
    const until = Math.min(input.until ?? now, now);
    const since = Math.max(Math.min(input.since ?? until - HOUR_MS, until), now - KEPT_MS);
    const peer = input.peer === undefined ? undefined : (await peerNamed(context, input.peer)).peer_id;
    const limit = input.limit ?? USUAL;
    const place = placeAfter(input.after, 1);
    const after = place && { from_at: place.numbers[0] ?? 0, peer_id: place.id };
    const found = await spansIn(sql, { since, until, peer, after, limit: limit + 1 });
    const { page, ...rest } = pageOf(found, limit, ({ from_at, peer_id }) => [from_at, peer_id]);
    const peers = new Map<
      string,
      { peer_id: string; name: string; spans: [number, (typeof page)[number]["state"]][] }
    >();
    for (const { peer_id, name, from_at, state } of page) {
      const known = peers.get(peer_id) ?? { peer_id, name, spans: [] };
      known.spans.push([from_at, state]);
      peers.set(peer_id, known);
    }
    return {
      since,
      until,
      peers: [...peers.values()],
      ...rest,
    };
  },
});
