/** Peers: heartbeat, unregistration, listing and summary. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { renew } from "../rules/delivery.ts";
import { DEFAULT_PAGE, pageOf, placeAfter } from "../rules/listing.ts";
import { checkName } from "../rules/names.ts";
import { requireMember } from "../rules/pools.ts";
import { beatFor, NAME_HOLD_MS, presences, reportedHooks, wantsQuiet, withLongCommand } from "../rules/presence.ts";
import { checkPlainText, oneLine } from "../rules/text.ts";
import { LISTING_COST } from "../rules/throttle.ts";
import { inboxOf } from "../store/inbox.ts";
import { findDelivery } from "../store/messages.ts";
import { listPeers as peerPage } from "../store/peer-list.ts";
import { type Peer, updatePeer } from "../store/peers.ts";
import { poolNames, poolsOfPeer } from "../store/pools.ts";
import type { Sql } from "../store/store.ts";
import { type Caller, callingPeer, operation } from "./core/operation.ts";
import { endBusy, isBusyOver } from "./support/busy.ts";
import { canClaimsWake } from "./support/charging.ts";
import { pageInput, pageOutput } from "./support/listing.ts";
import { recordDelivery } from "./support/outcomes.ts";
import { addressFormatter, poolNamed, requireFreeName, viewerOf } from "./support/references.ts";
import { forget, heldBy } from "./support/removal.ts";
import { heldClaims, sessionFields } from "./support/session-shapes.ts";
import { peerShape, time, toPeerShape, toPeerShapeOf, toPresenceShape } from "./support/shapes.ts";

export const heartbeat = operation({
  name: "heartbeat",
  isolation: "snapshot",
  durable: false,
  by: ["peer"],
  repeatable: "always",
  errors: ["conflict"],
  doc: "Reports that the session is alive, its presence, and the claims it still holds. Returns how much mail waits, so that a lost hint delays mail by one heartbeat at most.",
  input: z.strictObject({
    claude_pid: z.int().min(1),
    session_id: z.string().max(128).optional(),
    presence: z.enum(["active", "idle", "blocked"]).optional(),
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
    held: heldClaims,
  }),
  output: z.object({
    waiting: z.int().describe("queued, ready to be claimed"),
    interrupts: z.int(),
    name: z.string(),
    unread: z.int().describe("all that was not delivered yet"),
    held: z.int().describe("held by its inbound policy"),
    may_wake: z.boolean(),
    pools: z
      .array(z.object({ name: z.string(), unread: z.int() }))
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
    if (caller.claude_pid !== input.claude_pid) {
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
      cwd: input.cwd ?? peer.cwd,
      repo: input.repo === undefined ? peer.repo : input.repo,
      branch: input.branch === undefined ? peer.branch : input.branch,
      remote: input.remote === undefined ? peer.remote : input.remote,
      hooks: input.hooks ?? peer.hooks,
      summary: peer.own_summary ? peer.summary : oneLine(input.summary ?? peer.summary, 500),
    };
    const current: Peer = { ...heard, beat_ms: beatFor(heard, input.held.length, all("unread")) };
    await updatePeer(sql, current);
    const pools = await poolsOfPeer(sql, peer.peer_id);
    const unreadIn = new Map(inbox.map((row) => [row.pool_id, row.unread]));
    const { presence, busy_until } = toPresenceShape(current, now);
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
      beat_ms: current.beat_ms,
    };
  },
});

export const unregister = operation({
  name: "unregister",
  by: ["peer"],
  repeatable: "always",
  doc: "Ends the peer's session: it is offline at once. The peer, its name and its mailbox stay.",
  input: z.strictObject({
    claude_pid: z
      .int()
      .min(1)
      .describe("process id of the session; a session that is not the current one changes nothing"),
    forget: z
      .boolean()
      .optional()
      .describe(
        "also removes the peer, unless mail, pools, services or votes need it: for a session that does not return",
      ),
  }),
  output: z.object({ ended: z.boolean() }),
  async run(context, input) {
    const peer = callingPeer(context);
    if (peer.claude_pid !== input.claude_pid) return { ended: false };
    await updatePeer(context.sql, { ...peer, presence: "offline", last_seen: context.now });
    if (input.forget && (await heldBy(context.sql, peer)).length === 0) await forget(context, peer);
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
  tool: { title: "List peers", readOnly: true, alwaysLoad: false },
  doc: "Lists the other sessions (peers): name, machine, directory, branch, summary and presence: active, idle, busy, blocked (waits for its user's permission) or offline. Offline peers are listed for a day, longer while mail waits for them.",
  input: z.strictObject({
    scope: z
      .enum(["all", "machine", "repo"])
      .optional()
      .describe("all (default), or only peers on the caller's machine, or in its repository"),
    pool: z.string().min(1).max(80).optional().describe("only members of this pool"),
    ...pageInput,
  }),
  output: z.object({ peers: z.array(peerShape), ...pageOutput }),
  async run({ sql, caller, now }, input) {
    const scope = input.scope ?? "all";
    const me = caller.kind === "peer" ? caller.peer : undefined;
    if (!me && scope !== "all") {
      throw new CctError(
        "bad_request",
        `The scope '${scope}' is relative to a peer.`,
        "As the operator, use the scope 'all'.",
      );
    }
    const limit = input.limit ?? DEFAULT_PAGE;
    const after = placeAfter(input.after, 2);
    const found = await peerPage(sql, {
      me: me?.peer_id ?? "",
      pool_id: input.pool === undefined ? undefined : await poolForMember(sql, caller, input.pool),
      host: scope === "machine" ? me?.host : undefined,
      repo: me && scope === "repo" ? { remote: me.remote, host: me.host, place: me.repo ?? me.cwd } : undefined,
      since: now - NAME_HOLD_MS,
      after: after && { rank: after.numbers[0] ?? 0, created_at: after.numbers[1] ?? 0, peer_id: after.id },
      limit: limit + 1,
    });
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
        return toPeerShape(peer, about, now);
      }),
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
    const name = input.name ?? peer.name;
    if (name !== peer.name) {
      checkName(name);
      await requireFreeName(sql, name, peer.peer_id);
    }
    const summary = oneLine(input.summary, 500);
    const changed = { ...peer, name, summary, own_summary: summary !== "" };
    await updatePeer(sql, changed);
    context.emit({ peer_id: peer.peer_id, about: "peer" });
    return toPeerShapeOf(sql, changed, true, now);
  },
});
