/** Peers: heartbeat, unregistration, listing and summary. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { agentFrom } from "../rules/agents.ts";
import { COUNT_LIMIT } from "../rules/counted.ts";
import { renew } from "../rules/delivery.ts";
import { pageOf, pageSize, placeAfter } from "../rules/listing.ts";
import { aliasFrom, checkName } from "../rules/names.ts";
import { requireMember } from "../rules/pools.ts";
import {
  BEAT_MS,
  beatFor,
  NAME_HOLD_MS,
  presences,
  reportedHooks,
  untilTurn,
  wantsQuiet,
  withLongCommand,
} from "../rules/presence.ts";
import { checkPlainText, oneLine } from "../rules/text.ts";
import { LISTING_COST } from "../rules/throttle.ts";
import { inboxOf } from "../store/inbox.ts";
import { findDelivery } from "../store/messages.ts";
import { countAway, listPeers as peerPage } from "../store/peer-list.ts";
import type { Peer } from "../store/peers.ts";
import { poolNames, poolsOfPeer } from "../store/pools.ts";
import type { Sql } from "../store/store.ts";
import { type Caller, callingPeer, operation } from "./core/operation.ts";
import { endBusy, isBusyOver } from "./support/busy.ts";
import { canClaimsWake } from "./support/charging.ts";
import { pageInput, pageOutput } from "./support/listing.ts";
import { renamed } from "./support/naming.ts";
import { recordDelivery } from "./support/outcomes.ts";
import { changePeer } from "./support/presence.ts";
import { addressFormatter, poolNamed, viewerOf } from "./support/references.ts";
import { forget, heldBy } from "./support/removal.ts";
import {
  blockedColumns,
  blockedOn,
  heldClaims,
  hostPid,
  hostPidOf,
  sessionFields,
  streamReports,
} from "./support/session-shapes.ts";
import { peerShape, time, toPeerShape, toPeerShapeOf, toPresenceShape } from "./support/shapes.ts";
import { settleClaims } from "./support/streams.ts";

export const heartbeat = operation({
  name: "heartbeat",
  isolation: "snapshot",
  durable: false,
  by: ["peer"],
  repeatable: "always",
  errors: ["conflict"],
  doc: "Reports that the session is alive, its presence, and the claims it still holds. Returns how much mail waits, so that a lost hint delays mail by one heartbeat at most.",
  input: z.strictObject({
    ...hostPid,
    session_id: z.string().max(128).optional(),
    presence: z.enum(["active", "idle", "blocked"]).optional(),
    blocked_on: blockedOn,
    hooks: z
      .enum(reportedHooks)
      .optional()
      .describe("quiet: no hook takes mail; unwritable: mail cannot be written for them"),
    command_ms: z.int().min(0).optional().describe("how long a long command has been running"),
    cwd: sessionFields.cwd.optional(),
    repo: sessionFields.repo,
    branch: sessionFields.branch,
    remote: sessionFields.remote,
    summary: sessionFields.summary,
    alias: sessionFields.alias,
    wakes: sessionFields.wakes,
    midturn: sessionFields.midturn,
    agent: sessionFields.agent,
    held: heldClaims,
  }),
  output: z.object({
    waiting: z
      .int()
      .describe(`to be claimed now, while it is busy only interrupts; counted to ${COUNT_LIMIT}, as all numbers here`),
    interrupts: z.int(),
    name: z.string(),
    unread: z.int().describe(`all that was not delivered yet; counted to ${2 * COUNT_LIMIT}: queued and claimed`),
    held: z.int().describe("held by its inbound policy"),
    may_wake: z.boolean(),
    pools: z
      .array(z.object({ name: z.string(), unread: z.int().describe("of those that were counted") }))
      .describe("its pools, the one with the latest message first"),
    presence: z.enum(presences),
    busy_until: time.optional(),
    beat_ms: z
      .int()
      .optional()
      .describe("send the next heartbeat after so many milliseconds, or at once when something changes; default 10000"),
  }),
  async run(context, input) {
    const { sql, now } = context;
    const caller = callingPeer(context);
    if (caller.host_pid !== hostPidOf(input)) {
      throw new CctError("conflict", "This peer belongs to another session now.", "Register again.");
    }
    // The heartbeat may come before the sweep does this.
    const peer = isBusyOver(caller, context.confirmed) ? await endBusy(context, caller) : caller;
    for (const { message_id, attempt } of input.held) {
      const delivery = await findDelivery(sql, message_id, peer.peer_id);
      const next = delivery && renew(delivery, attempt, now);
      if (delivery && next) await recordDelivery(context, delivery, next);
    }
    const inbox = await inboxOf(sql, peer.peer_id, now);
    const all = (what: "queued" | "interrupts" | "unread" | "held"): number =>
      inbox.reduce((sum, row) => sum + row[what], 0);
    const heard = {
      ...peer,
      ...withLongCommand(peer, input.command_ms === undefined ? undefined : now - input.command_ms, now),
      last_seen: now,
      session_id: input.session_id ?? peer.session_id,
      // A heartbeat proves that an offline peer is back.
      presence: input.presence ?? (peer.presence === "offline" ? "idle" : peer.presence),
      ...(input.presence && blockedColumns(input.blocked_on)),
      cwd: input.cwd ?? peer.cwd,
      repo: input.repo === undefined ? peer.repo : input.repo,
      branch: input.branch === undefined ? peer.branch : input.branch,
      remote: input.remote === undefined ? peer.remote : input.remote,
      hooks: input.hooks ?? peer.hooks,
      wakes: input.wakes ?? peer.wakes,
      midturn: input.midturn ?? peer.midturn,
      agent: input.agent === undefined ? peer.agent : agentFrom(input.agent),
      alias: input.alias === undefined ? peer.alias : aliasFrom(input.alias),
      summary: peer.own_summary ? peer.summary : oneLine(input.summary ?? peer.summary, 500),
    };
    const current: Peer = {
      ...heard,
      beat_ms: beatFor(heard, input.held.length, all("unread"), context.limits.idle_beat_ms),
    };
    await changePeer(context, peer, current);
    const pools = await poolsOfPeer(sql, peer.peer_id);
    const unreadIn = new Map(inbox.map((row) => [row.pool_id, row.unread]));
    const { presence, busy_until } = toPresenceShape(current, "public", now);
    return {
      waiting: all(wantsQuiet(current, now) ? "interrupts" : "queued"),
      interrupts: all("interrupts"),
      name: peer.name,
      unread: all("unread"),
      held: all("held"),
      may_wake: await canClaimsWake(context, peer.peer_id),
      pools: pools.map((pool) => ({
        name: pool.name,
        unread: unreadIn.get(pool.pool_id) ?? 0,
      })),
      presence,
      ...(busy_until === undefined ? {} : { busy_until }),
      beat_ms: current.beat_ms > BEAT_MS ? untilTurn(peer.peer_id, current.beat_ms, now) : BEAT_MS,
    };
  },
});

export const unregister = operation({
  name: "unregister",
  by: ["peer"],
  repeatable: "always",
  doc: "Ends the peer's session: it is offline at once. The peer, its name and its mailbox stay. A session that is not the current one changes nothing.",
  input: z.strictObject({
    ...hostPid,
    forget: z
      .boolean()
      .optional()
      .describe(
        "also removes the peer, unless mail, pools, services or votes need it: for a session that does not return",
      ),
    ends: z
      .boolean()
      .optional()
      .describe("also removes the peer in any case: its unread mail ends, and the senders are told at once"),
    streams: streamReports,
  }),
  output: z.object({ ended: z.boolean() }),
  async run(context, input) {
    const peer = callingPeer(context);
    if (peer.host_pid !== hostPidOf(input)) return { ended: false };
    await settleClaims(context, peer.peer_id, input.streams ?? []);
    await changePeer(context, peer, { ...peer, presence: "offline", last_seen: context.now });
    const removes = input.ends || (input.forget && (await heldBy(context.sql, peer)).length === 0);
    if (removes) await forget(context, peer, "itself");
    return { ended: true };
  },
});

export const listPeers = operation({
  name: "list_peers",
  cost: LISTING_COST,
  isolation: "snapshot",
  by: ["peer", "operator", "device"],
  repeatable: "always",
  errors: ["not_found", "ambiguous"],
  cli: "peers",
  example: "peers --scope repo",
  tool: { title: "List peers", readOnly: true, alwaysLoad: true, unlisted: ["pool", "live", "limit", "after"] },
  doc: "Lists the other sessions (peers): name, machine, folder, branch, what they do, presence (blocked: waits for its user).",
  input: z.strictObject({
    scope: z.enum(["all", "machine", "repo"]).optional().describe("default all"),
    pool: z.string().min(1).max(80).optional().describe("only members of this pool"),
    all: z.boolean().optional().describe("also those that are away, which else are only counted"),
    live: z.boolean().optional().describe("only those that are there, without the number of the others"),
    ...pageInput,
  }),
  output: z.object({
    peers: z.array(peerShape).describe("the caller first, then those that are there, then those that are away"),
    away: z.int().optional().describe("how many are away and not listed"),
    ...pageOutput,
  }),
  async run({ sql, caller, now, limits }, input) {
    if (input.all && input.live)
      throw new CctError("bad_request", "Either all or live, not both.", "Leave one of them out.");
    const scope = input.scope ?? "all";
    const me = caller.kind === "peer" ? caller.peer : undefined;
    if (!me && scope !== "all") {
      throw new CctError(
        "bad_request",
        `The scope '${scope}' is relative to a peer.`,
        "As the operator, use the scope 'all'.",
      );
    }
    const limit = pageSize(input.limit, limits.page);
    const after = placeAfter(input.after, 2);
    const filter = {
      me: me?.peer_id ?? "",
      pool_id: input.pool === undefined ? undefined : await poolForMember(sql, caller, input.pool),
      host: scope === "machine" ? me?.host : undefined,
      repo: me && scope === "repo" ? { remote: me.remote, host: me.host, place: me.repo ?? me.cwd } : undefined,
      since: now - NAME_HOLD_MS,
    };
    const found = await peerPage(sql, {
      ...filter,
      live: input.all !== true,
      after: after && { rank: after.numbers[0] ?? 0, created_at: after.numbers[1] ?? 0, peer_id: after.id },
      limit: limit + 1,
    });
    const away = input.all || input.live || after ? 0 : await countAway(sql, filter);
    const { page, ...rest } = pageOf(found, limit, (peer) => [peer.rank, peer.created_at, peer.peer_id]);
    const ids = page.map(({ peer_id }) => peer_id);
    const pools = await poolNames(sql, ids, viewerOf(caller));
    const call = await addressFormatter(sql, caller);
    return {
      peers: page.map((peer) => {
        const about = {
          pools: pools.get(peer.peer_id) ?? [],
          waiting: peer.waiting,
          you: peer.peer_id === me?.peer_id,
          address: call(peer),
        };
        return toPeerShape(peer, about, caller.kind === "operator" ? "all" : "public", now);
      }),
      ...(away > 0 && { away }),
      ...rest,
    };
  },
});

/** The id of a pool whose members the caller may see. Throws `forbidden` when it is not one of them. */
async function poolForMember(sql: Sql, caller: Caller, ref: string): Promise<string> {
  const pool = await poolNamed(sql, ref, caller);
  if (caller.kind === "device")
    throw new CctError("forbidden", "Only members see who is in a pool.", "Ask from a session that is a member.");
  if (caller.kind === "peer") requireMember(pool, caller.peer.peer_id);
  return pool.pool_id;
}

export const setSummary = operation({
  name: "set_summary",
  by: ["peer"],
  repeatable: "always",
  errors: ["conflict"],
  tool: { title: "Set my summary", readOnly: false },
  doc: "Tells the other sessions in one line what this session works on; optionally renames it.",
  input: z.strictObject({
    summary: z.string().max(500).describe("one line"),
    name: z.string().min(1).max(40).optional().describe("a new name for this session"),
  }),
  output: peerShape,
  async run(context, input) {
    const { sql, now } = context;
    const peer = callingPeer(context);
    checkPlainText("summary", input.summary);
    if (input.name !== undefined) checkName(input.name);
    const named = input.name === undefined ? peer : await renamed(context, peer, input.name);
    const summary = oneLine(input.summary, 500);
    const changed = { ...named, summary, own_summary: summary !== "" };
    await changePeer(context, peer, changed);
    context.emit({ peer_id: peer.peer_id, about: "peer" });
    return toPeerShapeOf(sql, changed, true, now);
  },
});
