/** Pools: create, list, join, invite, leave, archive. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { pageOf, pageSize, placeAfter } from "../rules/listing.ts";
import { archive, invite, join, leave, requireStillMember } from "../rules/pool-lifecycle.ts";
import {
  broadcastRecipients,
  checkedPurpose,
  checkedRole,
  checkPoolName,
  LEAD,
  leadOf,
  memberOf,
  type Pool,
  requireMember,
} from "../rules/pools.ts";
import { checkPlainText } from "../rules/text.ts";
import { added, change, madeMember } from "../rules/texts/notices.ts";
import { LISTING_COST } from "../rules/throttle.ts";
import { ownPlace, poolState } from "../rules/topics.ts";
import { findPeers } from "../store/peers.ts";
import { insertPool, oldestMembers, type PoolRow, listPools as poolPage } from "../store/pools.ts";
import { type Context, callingPeer, operation } from "./core/operation.ts";
import { pageInput, pageOutput } from "./support/listing.ts";
import { record, tellMembers } from "./support/membership.ts";
import { freeForPool, refuseTaken } from "./support/naming.ts";
import { refuseMember, refuseMore } from "./support/pool-limits.ts";
import { memberShape, poolName, poolShape, toMemberShapes, toPoolShape } from "./support/pool-shapes.ts";
import { report } from "./support/post.ts";
import { withdrawAbout, withdrawAll } from "./support/proposals.ts";
import {
  addressFormatter,
  callerName,
  type PoolToChange,
  peerNamed,
  peopleOf,
  poolNamed,
  poolToChange,
  viewerOf,
} from "./support/references.ts";

const role = z.string().max(200).describe("up to 32 characters; default 'member'");

export const createPool = operation({
  name: "create_pool",
  by: ["peer", "operator"],
  repeatable: "never",
  errors: ["conflict"],
  cli: "pool create <name> <purpose>",
  example: 'pool create front "the new form, until it is merged"',
  tool: { title: "Create a pool", readOnly: false },
  doc: "Creates a pool: a named group with a purpose and an end. The creator is its lead; others join or are invited. Mail to @name reaches all other members.",
  input: z.strictObject({
    name: z.string().max(200).describe("letters, digits, '.', '_', '-'"),
    purpose: z.string().max(4000).describe("what the pool is for; up to 500 characters"),
    private: z.boolean().optional().describe("only its members see it; others join by invitation only"),
  }),
  output: z.object({ pool: poolShape }),
  async run(context, input) {
    const { sql, caller, now } = context;
    checkPoolName(input.name);
    const purpose = checkedPurpose(input.purpose);
    await refuseTaken(context, input.name);
    await freeForPool(context, input.name);
    const empty: PoolRow = {
      pool_id: context.newId(),
      name: input.name,
      purpose,
      private: input.private ?? false,
      created_by: caller.kind === "peer" ? caller.peer.peer_id : "operator",
      created_at: now,
      archived_at: null,
      paused: false,
      members: [],
    };
    await refuseMore(context, empty);
    await insertPool(sql, empty);
    context.changed({ what: "pool", id: empty.pool_id });
    if (caller.kind !== "peer") return { pool: toPoolShape(empty, caller) };
    await refuseMember(sql, empty, 0, caller.peer);
    const pool = { ...empty, ...join(empty, caller.peer, LEAD, () => true, now) };
    await record(context, empty, pool);
    return { pool: toPoolShape(pool, caller) };
  },
});

export const listPools = operation({
  name: "list_pools",
  cost: LISTING_COST,
  isolation: "snapshot",
  by: ["peer", "operator", "device"],
  repeatable: "always",
  cli: "pools",
  example: "pools --include-archived",
  tool: { title: "List pools", readOnly: true },
  doc: "Lists the pools with purpose and size, newest first; of your own also the lead.",
  input: z.strictObject({ include_archived: z.boolean().optional().describe("include archived ones"), ...pageInput }),
  output: z.object({ pools: z.array(poolShape), ...pageOutput }),
  async run({ sql, caller, limits }, input) {
    const limit = pageSize(input.limit, limits.page);
    const after = placeAfter(input.after, 1);
    const found = await poolPage(sql, {
      archived: input.include_archived ?? false,
      viewer: viewerOf(caller),
      after: after && { created_at: after.numbers[0] ?? 0, pool_id: after.id },
      limit: limit + 1,
    });
    const { page, ...rest } = pageOf(found, limit, (pool) => [pool.created_at, pool.pool_id]);
    return { pools: page.map((pool) => toPoolShape(pool, caller, pool.size)), ...rest };
  },
});

/** Members in the answer to a change. */
const MAX_SHOWN = 50;

const poolWithMembers = z.object({
  pool: poolShape,
  members: z.array(memberShape).describe(`the ${MAX_SHOWN} longest-standing ones; all of them: pool_status`),
});

/** The answer to a change that added so many members. */
async function changed(context: Context, { pool, size }: PoolToChange, after: Pool, added: number) {
  const { sql, caller, now } = context;
  const shown = await oldestMembers(sql, pool.pool_id, MAX_SHOWN);
  const ids = shown.map((member) => member.peer_id);
  const peers = new Map((await findPeers(sql, ids)).map((peer) => [peer.peer_id, peer]));
  const format = await addressFormatter(sql, caller);
  return {
    pool: toPoolShape({ ...pool, ...after }, caller, size + added),
    members: toMemberShapes({ members: shown }, (id) => peers.get(id), caller, format, now),
  };
}

export const joinPool = operation({
  name: "join_pool",
  by: ["peer"],
  repeatable: "always",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "pool join <pool>",
  example: "pool join front --as api",
  tool: { title: "Join a pool", readOnly: false },
  doc: "Joins a pool, or changes your role in it. An archived pool admits only former members, and becomes active again.",
  input: z.strictObject({ pool: poolName, role: role.optional() }),
  output: poolWithMembers,
  async run(context, input) {
    const { sql, caller, now } = context;
    const me = callingPeer(context);
    const found = await poolToChange(context, input.pool, [me]);
    const { pool: before, people } = found;
    const { peer, live } = people;
    const after = join(before, me, input.role === undefined ? undefined : checkedRole(input.role), live, now);
    await refuseMember(sql, before, found.size, me);
    if (before.archived_at !== null) {
      await refuseTaken(context, before.name, before.pool_id);
      await freeForPool(context, before.name);
      await refuseMore(context, before);
    }
    await record(context, before, after);
    const { role: mine = "" } = memberOf(after, me.peer_id) ?? {};
    const was = memberOf(before, me.peer_id);
    if (was?.role !== mine) {
      const who = callerName(caller);
      const news = was
        ? { about: me.peer_id, change: "role" as const, text: change.role(who, mine) }
        : { about: me.peer_id, change: "joined" as const, text: change.joined(who, mine, before.archived_at !== null) };
      await tellMembers(context, before, after, peer, [news], [me.peer_id]);
    }
    return changed(context, found, after, was ? 0 : 1);
  },
});

export const inviteToPool = operation({
  name: "invite_to_pool",
  by: ["peer", "operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "pool invite <pool> <peer>",
  example: 'pool invite front api --reason "you know the parser"',
  tool: { title: "Invite to a pool", readOnly: false, unlisted: ["member"] },
  doc: "Adds a peer to a pool of yours; it is told by whom, why and what the pool is for. For a member: gives it another role ('lead' passes the lead on).",
  input: z.strictObject({
    pool: poolName,
    peer: z.string().min(1).max(200).describe("its name, or a prefix of its id"),
    role: role.optional(),
    reason: z.string().max(500).optional().describe("shown to the peer"),
    member: z.boolean().optional().describe("members only"),
  }),
  output: poolWithMembers,
  async run(context, input) {
    const { sql, caller, now } = context;
    if (input.reason !== undefined) checkPlainText("reason", input.reason);
    const invited = await peerNamed(context, input.peer);
    const found = await poolToChange(context, input.pool, [invited]);
    const { pool: before, people } = found;
    const { peer, live } = people;
    const inviter = caller.kind === "peer" ? caller.peer.peer_id : undefined;
    const wanted = input.role === undefined ? undefined : checkedRole(input.role);
    if (input.member) requireStillMember(before, invited);
    const after = invite(before, inviter, invited, wanted, live, now);
    await refuseMember(sql, before, found.size, invited);
    await record(context, before, after);
    const { role: given = "" } = memberOf(after, invited.peer_id) ?? {};
    const by = callerName(caller);
    const isNew = !memberOf(before, invited.peer_id);
    const size = found.size + (isNew ? 1 : 0);
    const invitation = { by, pool: after.name, role: given, reason: input.reason };
    await report(context, {
      to: [invited],
      pool: after,
      text: isNew ? added(invitation, after.purpose, size) : madeMember(invitation),
      urgency: "normal",
      topic: ownPlace(after.pool_id, isNew ? "added" : "role"),
    });
    const text = isNew ? change.added(by, invited.name, given) : change.made(by, invited.name, given);
    const news = { about: invited.peer_id, change: isNew ? ("joined" as const) : ("role" as const), text };
    await tellMembers(context, before, after, peer, [news], [inviter ?? "", invited.peer_id]);
    return changed(context, found, after, isNew ? 1 : 0);
  },
});

export const leavePool = operation({
  name: "leave_pool",
  by: ["peer"],
  repeatable: "never",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "pool leave <pool>",
  example: "pool leave front --as api",
  tool: { title: "Leave a pool", readOnly: false },
  doc: "Leaves a pool: no more mail to @pool. When its last member leaves, the pool is archived; its history stays.",
  input: z.strictObject({ pool: poolName }),
  output: poolWithMembers,
  async run(context, input) {
    const { caller, now } = context;
    const me = callingPeer(context);
    const found = await poolToChange(context, input.pool, [me], me);
    const { pool: before, people } = found;
    const { peer, live } = people;
    const after = leave(before, me.peer_id, live, now);
    await record(context, before, after);
    const news = { about: me.peer_id, change: "left" as const, text: change.left(callerName(caller)) };
    await tellMembers(context, before, after, peer, [news]);
    if (after.archived_at === null) await withdrawAbout(context, after, me.peer_id, `${me.name} left the pool`);
    else await withdrawAll(context, after, "the pool was archived");
    return changed(context, found, after, -1);
  },
});

export const archivePool = operation({
  name: "archive_pool",
  by: ["peer", "operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "pool archive <pool>",
  example: "pool archive front",
  doc: "Archives a pool for all its members; its history stays, and a former member can revive it. For its lead and the operator.",
  input: z.strictObject({ pool: poolName }),
  output: z.object({ pool: poolShape }),
  async run(context, input) {
    const { sql, caller, now } = context;
    const before = await poolNamed(sql, input.pool, caller);
    if (
      before.archived_at === null &&
      caller.kind === "peer" &&
      requireMember(before, caller.peer.peer_id).role !== LEAD
    ) {
      throw new CctError(
        "forbidden",
        `Only the lead of @${before.name} (${leadOf(before)?.name ?? "nobody"}) or the operator can archive it.`,
        "Ask the lead, or leave the pool: leave_pool.",
      );
    }
    const { peer } = await peopleOf(context, before);
    const after = archive(before, now);
    await record(context, before, after);
    const except = caller.kind === "peer" ? caller.peer.peer_id : "";
    const to = broadcastRecipients(before, except).flatMap((member) => peer(member.peer_id) ?? []);
    const text = change.archived(callerName(caller), before.name);
    await report(context, { to, pool: after, text, urgency: "low", topic: poolState(after.pool_id) });
    await withdrawAll(context, after, "the pool was archived");
    return { pool: toPoolShape({ ...before, ...after }, caller) };
  },
});
