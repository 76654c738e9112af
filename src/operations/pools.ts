/** Pools: create, join, invite, leave, archive, and looking at them. */
import * as z from "zod";
import { CctError } from "../errors.ts";
import {
  archive,
  audience,
  checkedPurpose,
  checkedRole,
  checkPoolName,
  invite,
  join,
  LEAD,
  leadOf,
  leave,
  memberOf,
  membersOf,
  type Pool,
  refuseArchived,
  requireMember,
} from "../rules/pools.ts";
import { checkPlain, inQuotes, oneLine } from "../rules/text.ts";
import { type Message, messagesOfPool, recipientsOf } from "../store/messages.ts";
import { listPools as allPools, findPools, insertPool, type PoolRow } from "../store/pools.ts";
import { type Person, record, tellMembers } from "./membership.ts";
import { type Caller, type Context, callingPeer, operation } from "./operation.ts";
import { report } from "./post.ts";
import { toProposalShapes, withdrawAbout, withdrawAll } from "./proposals.ts";
import { callerName, peerNamed, peopleOf, poolNamed } from "./references.ts";
import { presenceShape, proposalShape, time, toPresenceShape } from "./shapes.ts";

const poolName = z.string().min(1).max(80).describe("the pool's name, or the first 4 or more characters of its id");
const role = z.string().max(200).describe("up to 32 characters; 'member' when left out");

const poolShape = z.object({
  pool_id: z.string(),
  name: z.string(),
  purpose: z.string(),
  state: z.enum(["active", "archived"]),
  size: z.int().describe("members"),
  lead: z.string().nullable(),
  your_role: z.string().optional(),
  created_at: time,
  archived_at: time.nullable(),
});

function toPoolShape(pool: PoolRow, caller: Caller): z.input<typeof poolShape> {
  const mine = caller.kind === "peer" ? memberOf(pool, caller.peer.peer_id) : undefined;
  return {
    pool_id: pool.pool_id,
    name: pool.name,
    purpose: pool.purpose,
    state: pool.archived_at === null ? "active" : "archived",
    size: membersOf(pool).length,
    lead: leadOf(pool)?.name ?? null,
    ...(mine ? { your_role: mine.role } : {}),
    created_at: pool.created_at,
    archived_at: pool.archived_at,
  };
}

const memberShape = z.object({
  peer_id: z.string(),
  name: z.string(),
  role: z.string(),
  host: z.string(),
  ...presenceShape,
  released: z.boolean().describe("by a vote: it gets no broadcasts any more and is to leave"),
  you: z.boolean(),
});

function toMemberShapes(pool: Pool, person: Person, caller: Caller, now: number): z.input<typeof memberShape>[] {
  return membersOf(pool).flatMap((member) => {
    const peer = person(member.peer_id);
    if (!peer) return [];
    return {
      peer_id: member.peer_id,
      name: peer.name,
      role: member.role,
      host: peer.host,
      ...toPresenceShape(peer, now),
      released: member.releasing_until !== null,
      you: caller.kind === "peer" && caller.peer.peer_id === member.peer_id,
    };
  });
}

export const createPool = operation({
  name: "create_pool",
  by: ["peer", "operator"],
  cli: "pool create <name> <purpose>",
  tool: { title: "Create a pool", readOnly: false, idempotent: false },
  doc: "Creates a pool: a named group with a purpose and an end. The creator is its lead; others join or are invited. Mail to @name reaches all other members.",
  input: z.strictObject({
    name: z.string().max(200).describe("letters, digits, '.', '_', '-'"),
    purpose: z.string().max(4000).describe("what the pool is for; up to 500 characters"),
  }),
  output: z.object({ pool: poolShape }),
  async run(context, input) {
    const { sql, caller, now } = context;
    checkPoolName(input.name);
    const purpose = checkedPurpose(input.purpose);
    await refuseTaken(context, input.name);
    const empty: PoolRow = {
      pool_id: context.newId(),
      name: input.name,
      purpose,
      created_by: caller.kind === "peer" ? caller.peer.peer_id : "operator",
      created_at: now,
      archived_at: null,
      members: [],
    };
    await insertPool(sql, empty);
    if (caller.kind !== "peer") return { pool: toPoolShape(empty, caller) };
    const pool = { ...empty, ...join(empty, caller.peer, LEAD, () => true, now) };
    await record(context, empty, pool);
    return { pool: toPoolShape(pool, caller) };
  },
});

/** Throws `conflict` when an active pool, other than `but`, has that name. */
async function refuseTaken({ sql }: Pick<Context, "sql">, name: string, but?: string): Promise<void> {
  const other = (await findPools(sql, name)).find(
    (pool) => pool.archived_at === null && pool.pool_id !== but && pool.name.toLowerCase() === name.toLowerCase(),
  );
  if (!other) return;
  throw new CctError(
    "conflict",
    `There is an active pool '@${other.name}': ${other.purpose}`,
    "Join that one, or choose another name.",
  );
}

export const listPools = operation({
  name: "list_pools",
  by: ["peer", "operator"],
  cli: "pools",
  tool: { title: "List pools", readOnly: true, idempotent: true },
  doc: "Lists the pools with their purpose, size and lead, newest first.",
  input: z.strictObject({ include_archived: z.boolean().optional().describe("also those that have ended") }),
  output: z.object({ pools: z.array(poolShape) }),
  async run({ sql, caller }, input) {
    const pools = await allPools(sql, input.include_archived ?? false);
    return { pools: pools.map((pool) => toPoolShape(pool, caller)) };
  },
});

const poolWithMembers = z.object({ pool: poolShape, members: z.array(memberShape) });

export const joinPool = operation({
  name: "join_pool",
  by: ["peer"],
  cli: "pool join <pool>",
  tool: { title: "Join a pool", readOnly: false, idempotent: true },
  doc: "Joins a pool, or changes your role in it. An archived pool takes only prior members, and lives again.",
  input: z.strictObject({ pool: poolName, role: role.optional() }),
  output: poolWithMembers,
  async run(context, input) {
    const { sql, caller, now } = context;
    const me = callingPeer(context);
    const before = await poolNamed(sql, input.pool, caller);
    const { peer, live } = await peopleOf(sql, before, now, me);
    const after = join(before, me, input.role === undefined ? undefined : checkedRole(input.role), live, now);
    if (before.archived_at !== null) await refuseTaken(context, before.name, before.pool_id);
    await record(context, before, after);
    const { role: mine = "" } = memberOf(after, me.peer_id) ?? {};
    const was = memberOf(before, me.peer_id);
    if (!was) {
      const how = before.archived_at === null ? "joined" : "revived the pool";
      await tellMembers(
        context,
        before,
        after,
        peer,
        [`${callerName(caller)} ${how} as ${inQuotes(mine)}.`],
        me.peer_id,
      );
    } else if (was.role !== mine) {
      await tellMembers(context, before, after, peer, [`${callerName(caller)} is ${inQuotes(mine)} now.`], me.peer_id);
    }
    return {
      pool: toPoolShape({ ...before, ...after }, caller),
      members: toMemberShapes(after, peer, caller, now),
    };
  },
});

export const inviteToPool = operation({
  name: "invite_to_pool",
  by: ["peer", "operator"],
  cli: "pool invite <pool> <peer>",
  tool: { title: "Invite to a pool", readOnly: false, idempotent: false },
  doc: "Puts a peer into a pool of yours; it is told by whom, why and what the pool is for. For a member: gives it another role ('lead' passes the lead on).",
  input: z.strictObject({
    pool: poolName,
    peer: z.string().min(1).max(200).describe("its name, or the beginning of its id"),
    role: role.optional(),
    reason: z.string().max(500).optional().describe("told to the peer"),
  }),
  output: poolWithMembers,
  async run(context, input) {
    const { sql, caller, now } = context;
    if (input.reason !== undefined) checkPlain("reason", input.reason);
    const before = await poolNamed(sql, input.pool, caller);
    const invited = await peerNamed(sql, input.peer);
    const { peer, live } = await peopleOf(sql, before, now, invited);
    const inviter = caller.kind === "peer" ? caller.peer.peer_id : undefined;
    const wanted = input.role === undefined ? undefined : checkedRole(input.role);
    const after = invite(before, inviter, invited, wanted, live, now);
    await record(context, before, after);
    const { role: given = "" } = memberOf(after, invited.peer_id) ?? {};
    const by = callerName(caller);
    const isNew = !memberOf(before, invited.peer_id);
    const reason = input.reason?.trim() ? ` Their reason: ${inQuotes(input.reason, 500)}` : "";
    await report(context, {
      to: [invited],
      pool: after,
      text: isNew
        ? `${by} put you into the pool @${after.name} as ${inQuotes(given)}.${reason}\nIts purpose: ${inQuotes(after.purpose, 500)}\n` +
          `${membersOf(after).length} members; see cct_pool_status. Write to all of them with to=@${after.name}. To go: cct_leave_pool.`
        : `${by} made you ${inQuotes(given)} in the pool @${after.name}.${reason}`,
      urgency: "normal",
    });
    const what = isNew
      ? `${by} put ${invited.name} into the pool as ${inQuotes(given)}.`
      : `${by} made ${invited.name} ${inQuotes(given)}.`;
    await tellMembers(context, before, after, peer, [what], inviter ?? "", invited.peer_id);
    return {
      pool: toPoolShape({ ...before, ...after }, caller),
      members: toMemberShapes(after, peer, caller, now),
    };
  },
});

export const leavePool = operation({
  name: "leave_pool",
  by: ["peer"],
  cli: "pool leave <pool>",
  tool: { title: "Leave a pool", readOnly: false, idempotent: false },
  doc: "Leaves a pool: no mail to @pool any more. With its last member the pool is archived; its history stays.",
  input: z.strictObject({ pool: poolName }),
  output: poolWithMembers,
  async run(context, input) {
    const { sql, caller, now } = context;
    const me = callingPeer(context);
    const before = await poolNamed(sql, input.pool, caller);
    const { peer, live } = await peopleOf(sql, before, now);
    const after = leave(before, me.peer_id, live, now);
    await record(context, before, after);
    await tellMembers(context, before, after, peer, [`${callerName(caller)} left the pool.`], me.peer_id);
    if (after.archived_at === null) await withdrawAbout(context, after, me.peer_id, `${me.name} left the pool`);
    else await withdrawAll(context, after, "the pool was archived");
    return {
      pool: toPoolShape({ ...before, ...after }, caller),
      members: toMemberShapes(after, peer, caller, now),
    };
  },
});

export const archivePool = operation({
  name: "archive_pool",
  by: ["peer", "operator"],
  cli: "pool archive <pool>",
  doc: "Ends a pool for all of its members; its history stays, and a prior member can revive it. For its lead and the operator.",
  input: z.strictObject({ pool: poolName }),
  output: z.object({ pool: poolShape }),
  async run(context, input) {
    const { sql, caller, now } = context;
    const before = await poolNamed(sql, input.pool, caller);
    refuseArchived(before);
    if (caller.kind === "peer" && requireMember(before, caller.peer.peer_id).role !== LEAD) {
      throw new CctError(
        "forbidden",
        `Only the lead of @${before.name} (${leadOf(before)?.name ?? "nobody"}) or the operator can archive it.`,
        "Ask the lead, or leave it: leave_pool.",
      );
    }
    const { peer } = await peopleOf(sql, before, now);
    const after = archive(before, now);
    await record(context, before, after);
    const except = caller.kind === "peer" ? caller.peer.peer_id : "";
    const to = audience(before, except).flatMap((member) => peer(member.peer_id) ?? []);
    const text = `${callerName(caller)} archived the pool @${before.name}. It takes no mail any more.`;
    await report(context, { to, pool: after, text, urgency: "low" });
    await withdrawAll(context, after, "the pool was archived");
    return { pool: toPoolShape({ ...before, ...after }, caller) };
  },
});

/** What has ended is open to all who were in it. */
function wasMember(pool: Pool, peerId: string): boolean {
  return pool.archived_at !== null && pool.members.some((member) => member.peer_id === peerId);
}

/** Messages that the status shows, and how much of each. */
const RECENT = 10;
const RECENT_CHARACTERS = 300;

export const poolStatus = operation({
  name: "pool_status",
  by: ["peer", "operator"],
  cli: "pool status <pool>",
  tool: { title: "Pool status", readOnly: true, idempotent: true },
  doc: "Shows a pool: members with role and presence, the last messages, open votes. For members, past ones too.",
  input: z.strictObject({ pool: poolName }),
  output: z.object({
    pool: poolShape,
    members: z.array(memberShape),
    recent_messages: z.array(
      z.object({
        message_id: z.string(),
        from_name: z.string(),
        to: z.string(),
        text: z.string().describe("its beginning"),
        sent_at: time,
      }),
    ),
    open_proposals: z.array(proposalShape),
  }),
  async run(context, input) {
    const { sql, caller, now } = context;
    const pool = await poolNamed(sql, input.pool, caller);
    if (caller.kind === "peer" && !wasMember(pool, caller.peer.peer_id)) requireMember(pool, caller.peer.peer_id);
    const { peer } = await peopleOf(sql, pool, now);
    const recent = await seenBy(context, await messagesOfPool(sql, pool.pool_id, RECENT * 3));
    return {
      pool: toPoolShape(pool, caller),
      members: toMemberShapes(pool, peer, caller, now),
      recent_messages: recent.slice(0, RECENT).map(({ message_id, from_name, to_address, text, sent_at }) => ({
        message_id,
        from_name,
        to: to_address,
        text: oneLine(text, RECENT_CHARACTERS),
        sent_at,
      })),
      open_proposals: await toProposalShapes(sql, pool),
    };
  },
});

/** What is said to one member of a pool is for that member, for who said it, and for the operator. */
async function seenBy({ sql, caller }: Context, messages: readonly Message[]): Promise<Message[]> {
  if (caller.kind !== "peer") return [...messages];
  const me = caller.peer.peer_id;
  const isDirected = (message: Message): boolean => message.to_address.includes("/");
  const recipients = await recipientsOf(
    sql,
    messages.filter(isDirected).map((message) => message.message_id),
  );
  const got = recipients.filter((one) => one.peer_id === me).map((one) => one.message_id);
  return messages.filter(
    (message) => !isDirected(message) || message.from_id === me || got.includes(message.message_id),
  );
}
