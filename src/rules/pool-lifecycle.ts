/**
 * The lifecycle of a pool: create → join → collaborate → release → leave → archive. Each function returns the changed pool,
 * or throws a `CctError` and changes nothing. `IsLive` tells whether a member has a live session.
 */
import { CctError } from "../platform/errors.ts";
import {
  DEFAULT_ROLE,
  LEAD,
  leadOf,
  type Member,
  memberOf,
  membersOf,
  type Pool,
  RELEASE_GRACE_MS,
  requireActiveMember,
  requireMember,
  requireNotArchived,
  visibilityOf,
} from "./pools.ts";

export type IsLive = (peerId: string) => boolean;

interface Joiner {
  peer_id: string;
  name: string;
}

/**
 * A peer joins on its own, or changes its role. An archived pool is revived by a former member.
 * Throws `forbidden` for others, and `conflict` for a released member or a lead that is taken.
 */
export function join(pool: Pool, joiner: Joiner, role: string | undefined, isLive: IsLive, now: number): Pool {
  if (pool.archived_at !== null && visibilityOf(pool, joiner.peer_id) !== "inside") {
    throw new CctError(
      "forbidden",
      `The pool '@${pool.name}' is archived; only a former member can revive it.`,
      "Create a new pool, or ask a former member to join and invite you.",
    );
  }
  const member = memberOf(pool, joiner.peer_id);
  if (member && member.releasing_until !== null) {
    throw new CctError(
      "conflict",
      `You were released from @${pool.name}; joining does not undo that.`,
      "Finish, then leave it: leave_pool. A member can invite you again.",
    );
  }
  if (role !== undefined) requireLeadKept(pool, member, role);
  const lead = leadOf(pool);
  if (role === LEAD && lead && lead.peer_id !== joiner.peer_id && isLive(lead.peer_id)) {
    throw new CctError(
      "conflict",
      `@${pool.name} has a lead: ${lead.name}.`,
      "Join with another role; any member can pass the lead on with invite_to_pool and the role 'lead'.",
    );
  }
  return withLead(withMember({ ...pool, archived_at: null }, joiner, role, now), isLive);
}

/**
 * A member, or the operator (`undefined`), adds a peer or gives a member another role. The role `lead` passes the lead on.
 * Throws `forbidden` if the inviter may not invite, `conflict` if the invitation does not apply.
 */
export function invite(
  pool: Pool,
  inviterId: string | undefined,
  invited: Joiner,
  role: string | undefined,
  isLive: IsLive,
  now: number,
): Pool {
  requireNotArchived(pool);
  if (inviterId !== undefined) requireActiveMember(pool, inviterId);
  if (inviterId === invited.peer_id) {
    throw new CctError("bad_request", "You cannot invite yourself.", "To change your role: join_pool with a role.");
  }
  if (!isLive(invited.peer_id)) {
    throw new CctError(
      "conflict",
      `${invited.name} is offline and cannot work with the pool.`,
      "Invite it when it is back, or send it a message.",
    );
  }
  const member = memberOf(pool, invited.peer_id);
  if (member && member.releasing_until !== null) {
    throw new CctError(
      "conflict",
      `${invited.name} was released from @${pool.name} by a vote and is about to leave.`,
      "Invite it again after it has left.",
    );
  }
  if (member && (role === undefined || member.role === role)) {
    throw new CctError(
      "conflict",
      `${invited.name} is already a member of @${pool.name}.`,
      "Invite it with another role to change its role.",
    );
  }
  if (role !== undefined) requireLeadKept(pool, member, role);
  const lead = role === LEAD ? leadOf(pool) : undefined;
  const before = lead ? changed(pool, lead.peer_id, { role: DEFAULT_ROLE }) : pool;
  return withLead(withMember(before, invited, role, now), isLive);
}

/** Who changes a role means a member: one that has left meanwhile is not added again. Throws `conflict`. */
export function requireStillMember(pool: Pool, { peer_id, name }: Joiner): void {
  if (memberOf(pool, peer_id)) return;
  throw new CctError("conflict", `${name} is no longer a member of @${pool.name}.`, "Invite it, if it should be one.");
}

/** A lead cannot step down, because `withLead` would then choose a successor that nobody asked for. It passes the lead on. */
function requireLeadKept(pool: Pool, member: Member | undefined, role: string): void {
  if (member?.role !== LEAD || role === LEAD) return;
  throw new CctError(
    "conflict",
    `${member.name} is the lead of @${pool.name}, and a pool has one.`,
    "Pass the lead on: invite_to_pool with another member and the role 'lead'.",
  );
}

function withMember(pool: Pool, joiner: Joiner, role: string | undefined, now: number): Pool {
  const current = memberOf(pool, joiner.peer_id);
  const member: Member = current
    ? { ...current, role: role ?? current.role }
    : {
        ...joiner,
        role: role ?? DEFAULT_ROLE,
        joined_at: now,
        releasing_until: null,
        left_at: null,
      };
  return { ...pool, members: [...pool.members.filter((one) => one.peer_id !== joiner.peer_id), member] };
}

/** A member leaves or is removed. The pool is archived with its last member. Throws `forbidden` if it is not a member. */
export function leave(pool: Pool, peerId: string, isLive: IsLive, now: number): Pool {
  requireNotArchived(pool);
  const left = changed(pool, peerId, { left_at: endOf(requireMember(pool, peerId), now), releasing_until: null });
  if (membersOf(left).length === 0) return { ...left, archived_at: now };
  return withLead(left, isLive);
}

/** A vote has passed: the member gets no more broadcasts and a grace time to finish. The lead passes on. */
export function release(pool: Pool, peerId: string, isLive: IsLive, now: number): Pool {
  const member = memberOf(pool, peerId);
  if (pool.archived_at !== null || !member || member.releasing_until !== null) return pool;
  const role = member.role === LEAD ? DEFAULT_ROLE : member.role;
  return withLead(changed(pool, peerId, { releasing_until: now + RELEASE_GRACE_MS, role }), isLive);
}

/** Ends the pool for all members. Throws `conflict` if it is archived already. */
export function archive(pool: Pool, now: number): Pool {
  if (pool.archived_at !== null) {
    throw new CctError(
      "conflict",
      `The pool '@${pool.name}' is archived already.`,
      "A former member can revive it with join_pool.",
    );
  }
  const members = pool.members.map((member) => ({
    ...member,
    releasing_until: null,
    left_at: endOf(member, now),
  }));
  return { ...pool, archived_at: now, members };
}

/** When a membership ended. For a released member that is the release, so it does not count as a member at the pool's end. */
function endOf(member: Member, now: number): number {
  if (member.left_at !== null) return member.left_at;
  return member.releasing_until === null ? now : Math.min(member.releasing_until - RELEASE_GRACE_MS, now - 1);
}

/** Whether the sweep ends a membership: the grace time is over, or the member was away for `absenceMs` of listening time. */
export function isDue(member: Member, away: number, absenceMs: number, now: number): boolean {
  return (member.releasing_until !== null && now >= member.releasing_until) || away >= absenceMs;
}

/**
 * The settling rule: exactly one lead among the members that were not released. The current lead stays while it is live.
 * Otherwise the longest-standing live member becomes the lead; if none is live, the current lead stays, or the
 * longest-standing member becomes it.
 */
export function withLead(pool: Pool, isLive: IsLive): Pool {
  if (pool.archived_at !== null) return pool;
  const eligible = membersOf(pool).filter((member) => member.releasing_until === null);
  const leads = eligible.filter((member) => member.role === LEAD);
  const lead =
    leads.find((member) => isLive(member.peer_id)) ??
    eligible.find((member) => isLive(member.peer_id)) ??
    leads[0] ??
    eligible[0];
  return {
    ...pool,
    members: pool.members.map((member) => {
      if (member.left_at !== null) return member;
      if (member.peer_id === lead?.peer_id) return member.role === LEAD ? member : { ...member, role: LEAD };
      return member.role === LEAD ? { ...member, role: DEFAULT_ROLE } : member;
    }),
  };
}

function changed(pool: Pool, peerId: string, change: Partial<Member>): Pool {
  return {
    ...pool,
    members: pool.members.map((member) =>
      member.peer_id === peerId && member.left_at === null ? { ...member, ...change } : member,
    ),
  };
}

/**
 * `heir` takes over the membership of `former`, also an ended one, unless its own ended later or goes on: then it keeps its
 * own role, but becomes the lead if the other was. Where the former peer has no record, nothing changes.
 */
export function takeOver(pool: Pool, former: string, heir: Joiner, isLive: IsLive): Pool {
  const left = pool.members.find((member) => member.peer_id === former);
  if (!left) return pool;
  const own = pool.members.find((member) => member.peer_id === heir.peer_id);
  const others = pool.members.filter((member) => member !== left && member !== own);
  const inherited = { ...left, peer_id: heir.peer_id, name: heir.name };
  const endOf = (member: Member): number => member.left_at ?? Number.POSITIVE_INFINITY;
  const kept = own && endOf(own) >= endOf(left) ? own : inherited;
  const member = left.left_at === null && left.role === LEAD ? { ...kept, role: LEAD } : kept;
  return withLead({ ...pool, members: [...others, member] }, isLive);
}

/** The members whose record changed, to be stored. */
export function changedMembers(before: Pick<Pool, "members">, after: Pick<Pool, "members">): Member[] {
  return after.members.filter((member) => !before.members.includes(member));
}
