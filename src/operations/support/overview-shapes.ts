/** Small rows of peers, pools and services, for pages that show all of them: long texts are cut. */
import * as z from "zod";
import { COUNT_LIMIT } from "../../rules/counted.ts";
import { leadOf } from "../../rules/pools.ts";
import { hooksStates, isLive } from "../../rules/presence.ts";
import { isStale, shownHealths } from "../../rules/services.ts";
import { oneLine } from "../../rules/text.ts";
import { allMutes } from "../../store/mutes.ts";
import { poolIdsOf } from "../../store/overview.ts";
import type { ListedPeer, Peer } from "../../store/peers.ts";
import type { ListedPool } from "../../store/pools.ts";
import { spansAt } from "../../store/presence.ts";
import type { OwnedService } from "../../store/services.ts";
import type { Sql } from "../../store/store.ts";
import { together } from "../../store/together.ts";
import { abilities, agent, agentOf, presenceShape, type Sees, time, toPresenceShape } from "./shapes.ts";

const MAX_LINE = 200;

const muted = z
  .object({ until: time.optional().describe("absent: by hand only"), by: z.string() })
  .optional()
  .describe("only for the operator");

/** The mutes that are on, by source; another machine sees none. */
export async function mutesFor(sql: Sql, sees: Sees): Promise<Map<string, z.input<typeof muted>>> {
  const all = sees === "all" ? await allMutes(sql) : [];
  return new Map(
    all.map((one) => [one.source, { by: one.by_name, ...(one.until_at === null ? {} : { until: one.until_at }) }]),
  );
}

export const peerRow = z.object({
  peer_id: z.string(),
  name: z.string(),
  agent,
  host: z.string(),
  cwd: z.string().describe(`of a long path the last ${MAX_LINE} characters, as of the next`),
  repo: z.string().nullable().describe("git root"),
  branch: z.string().nullable(),
  summary: z.string().describe(`at most ${MAX_LINE} characters`),
  ...presenceShape,
  since: time.optional().describe("when that presence began"),
  last_seen: time,
  hooks: z.enum(hooksStates).optional().describe("only when mail does not arrive by itself; see list_peers"),
  wakes: z.boolean().optional().describe("false: mail cannot wake it when it is idle"),
  midturn: z.boolean().optional().describe("false: mail reaches it only after its turn"),
  waiting: z.int().describe(`messages waiting for it; counted to ${COUNT_LIMIT}`),
  took_at: time.optional().describe("when it last took mail"),
  pools: z.array(z.string()).describe("ids of its pools; only for the operator"),
  muted,
});

/** The operator's row of a peer, as another machine sees it. */
export const publicPeerRow = ({ muted: _, blocked_on, ...row }: z.input<typeof peerRow>): z.input<typeof peerRow> => ({
  ...(blocked_on && { blocked_on: { tool: blocked_on.tool } }),
  ...row,
  pools: [],
});

const lastOf = (path: string): string =>
  path.length <= MAX_LINE ? path : `…${path.slice(1 - MAX_LINE).toWellFormed()}`;

export type Mutes = Awaited<ReturnType<typeof mutesFor>>;

/** Rows of these peers. */
export async function peerRows(
  sql: Sql,
  peers: readonly ListedPeer[],
  mutes: Mutes,
  sees: Sees,
  now: number,
): Promise<z.input<typeof peerRow>[]> {
  const ids = peers.map(({ peer_id }) => peer_id);
  const [spans, pools] = await together(spansAt(sql, ids, now), sees === "all" ? poolIdsOf(sql, ids) : undefined);
  return peers.map((peer) => {
    const since = sinceOf(peer, spans.get(peer.peer_id)?.from_at, now);
    return {
      peer_id: peer.peer_id,
      name: peer.name,
      ...agentOf(peer),
      host: peer.host,
      cwd: lastOf(peer.cwd),
      repo: peer.repo === null ? null : lastOf(peer.repo),
      branch: peer.branch,
      summary: oneLine(peer.summary, MAX_LINE),
      ...toPresenceShape(peer, sees, now),
      ...(since === undefined ? {} : { since }),
      last_seen: peer.last_seen,
      ...(isLive(peer, now) && peer.hooks !== "live" ? { hooks: peer.hooks } : {}),
      ...abilities(peer, now),
      waiting: peer.waiting,
      ...(peer.took_at === null ? {} : { took_at: peer.took_at }),
      pools: pools?.get(peer.peer_id) ?? [],
      ...(mutes.has(peer.peer_id) ? { muted: mutes.get(peer.peer_id) } : {}),
    };
  });
}

/** One that has fallen silent is offline since it was last heard; the sweep may not have recorded it yet. */
const sinceOf = (peer: Peer, recorded: number | undefined, now: number): number | undefined =>
  peer.presence !== "offline" && !isLive(peer, now) ? peer.last_seen : recorded;

export const poolRow = z.object({
  pool_id: z.string(),
  name: z.string(),
  purpose: z.string().describe(`at most ${MAX_LINE} characters`),
  size: z.int().describe("members"),
  created_at: time,
  private: z.boolean().optional().describe("only its members see it"),
  lead: z.string().optional().describe("the peer_id of its lead; only for the operator"),
  paused: muted,
});

export function toPoolRow(pool: ListedPool, sees: Sees, mutes: Mutes): z.input<typeof poolRow> {
  const lead = sees === "all" ? leadOf(pool)?.peer_id : undefined;
  return {
    pool_id: pool.pool_id,
    name: pool.name,
    purpose: oneLine(pool.purpose, MAX_LINE),
    size: pool.size,
    created_at: pool.created_at,
    ...(pool.private ? { private: true } : {}),
    ...(lead === undefined ? {} : { lead }),
    ...(mutes.has(pool.pool_id) ? { paused: mutes.get(pool.pool_id) } : {}),
  };
}

export const serviceRow = z.object({
  service_id: z.string(),
  kind: z.string(),
  name: z.string(),
  url: z.string().describe(`at most ${MAX_LINE} characters`),
  host: z.string().describe("the machine where it was registered"),
  owner: z.string().describe("peer_id, or 'operator' for a person"),
  owner_name: z.string(),
  health: z.enum(shownHealths).describe("stale: not renewed in time"),
  health_at: time.nullable().describe("time of the last probe"),
});

export const toServiceRow = (service: OwnedService, now: number): z.input<typeof serviceRow> => ({
  service_id: service.service_id,
  kind: service.kind,
  name: service.name,
  url: oneLine(service.url, MAX_LINE),
  host: service.host,
  owner: service.owner,
  owner_name: service.owner_name,
  health: isStale(service, now) ? "stale" : service.health,
  health_at: service.health_at,
});
