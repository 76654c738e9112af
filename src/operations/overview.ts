/** The overview: everything that a page shows at first, in one answer of bounded size. */
import * as z from "zod";
import { pageOf, placeAfter } from "../rules/listing.ts";
import { NAME_HOLD_MS, type Presence, presenceOf, presences } from "../rules/presence.ts";
import { LISTING_COST } from "../rules/throttle.ts";
import { countOpen } from "../store/counts.ts";
import { countListedPools } from "../store/overview.ts";
import { listPeers } from "../store/peer-list.ts";
import { countPeers, openSessions } from "../store/peers.ts";
import { countInbox } from "../store/people.ts";
import { listPools } from "../store/pools.ts";
import { listServices } from "../store/services.ts";
import { together } from "../store/together.ts";
import { type Context, operation } from "./core/operation.ts";
import { pageOutput } from "./support/listing.ts";
import {
  mutesFor,
  peerRow,
  peerRows,
  poolRow,
  serviceRow,
  toPoolRow,
  toServiceRow,
} from "./support/overview-shapes.ts";
import { participantOf } from "./support/people.ts";
import { viewerOf } from "./support/references.ts";
import { type Sees, time } from "./support/shapes.ts";

/** Rows of each kind. Peers have further pages; of pools and services there are lists of their own. */
const MOST = 500;
const MOST_POOLS = 200;
const MOST_SERVICES = 200;

export const overview = operation({
  name: "overview",
  cost: LISTING_COST,
  isolation: "snapshot",
  by: ["operator", "device"],
  repeatable: "always",
  cli: "overview",
  example: "overview --json",
  doc: "Shows everything at a glance: sessions, pools, services, and how much mail waits. Long texts are cut. Another machine sees sessions, and pools that are not private.",
  input: z.strictObject({
    limit: z.int().min(1).max(MOST).optional().describe(`at most so many sessions; default ${MOST}`),
    after: z.string().min(1).max(120).optional().describe("'next' of the page before"),
  }),
  output: z.object({
    now: time,
    peers: z.array(peerRow).describe("those that are there, then those that are away"),
    ...pageOutput,
    pools: z.array(poolRow).describe(`active ones, newest first, at most ${MOST_POOLS}`),
    more_pools: z.int().optional().describe("how many are not listed"),
    services: z.array(serviceRow).describe(`at most ${MOST_SERVICES}; only for the operator`),
    counts: z.object({
      peers: z.record(z.enum(presences), z.int()).describe("all sessions, by presence"),
      waiting: z.int().optional().describe("deliveries that are queued or claimed; for the operator, as the next ones"),
      held: z.int().optional(),
      unread: z.int().optional().describe("in your own inbox"),
    }),
  }),
  async run(context, input) {
    const { sql, now, caller } = context;
    const sees: Sees = caller.kind === "operator" ? "all" : "public";
    const limit = input.limit ?? MOST;
    const place = placeAfter(input.after, 2);
    const after = place && { rank: place.numbers[0] ?? 0, created_at: place.numbers[1] ?? 0, peer_id: place.id };
    const viewer = viewerOf(caller);
    const [found, pools, mutes, allPools, services, open, own, all] = await together(
      listPeers(sql, { ...everybody(now), after, limit: limit + 1 }),
      listPools(sql, { archived: false, viewer, after: undefined, limit: MOST_POOLS }),
      mutesFor(sql, sees),
      countListedPools(sql, viewer),
      sees === "all" ? servicesFor(context) : [],
      sees === "all" ? countOpen(sql) : undefined,
      sees === "all" ? countInbox(sql, participantOf(context).peer_id, now) : undefined,
      countPeers(sql),
    );
    const { page, ...rest } = pageOf(found, limit, (peer) => [peer.rank, peer.created_at, peer.peer_id]);
    const isAll = after === undefined && rest.next === undefined;
    const counts: Record<Presence, number> = { active: 0, idle: 0, busy: 0, blocked: 0, offline: 0 };
    const sessions = isAll ? page.filter((peer) => peer.presence !== "offline") : await openSessions(sql);
    for (const session of sessions) counts[presenceOf(session, now)]++;
    counts.offline += Math.max(0, all - sessions.length);
    return {
      now,
      peers: await peerRows(sql, page, mutes, sees, now),
      ...rest,
      pools: pools.map((pool) => toPoolRow(pool, sees, mutes)),
      ...(allPools > pools.length && { more_pools: allPools - pools.length }),
      services: services.map((service) => toServiceRow(service, now)),
      counts: {
        peers: counts,
        ...(open && { waiting: (open.queued ?? 0) + (open.claimed ?? 0), held: open.held ?? 0 }),
        ...(own !== undefined && { unread: own }),
      },
    };
  },
});

/** All peers, as a listing shows them to somebody who is none of them. */
const everybody = (now: number) => ({
  me: "",
  pool_id: undefined,
  host: undefined,
  repo: undefined,
  since: now - NAME_HOLD_MS,
  live: false,
});

const servicesFor = ({ sql, confirmed }: Context) =>
  listServices(sql, { kind: "", now: confirmed, after: undefined, limit: MOST_SERVICES });
