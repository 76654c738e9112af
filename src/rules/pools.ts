/**
 * The life of a pool: create → join → collaborate → release → leave → archive. A pool is a value with all who are or
 * were members of it; each rule answers with the pool as it is afterwards, or throws and nothing has changed.
 */
import { CctError } from "../platform/errors.ts";
import { hasNameShape } from "./names.ts";
import { checkPlainText, oneLine } from "./text.ts";

export const LEAD = "lead";
const DEFAULT_ROLE = "member";
export const MAX_ROLE = 32;
export const MAX_PURPOSE = 500;

/** How long a member that was released may take to finish and leave by itself. */
export const RELEASE_GRACE_MS = 15 * 60_000;

export interface Member {
  peer_id: string;
  name: string;
  role: string;
  joined_at: number;
  /** Released by a vote: no broadcasts any more; no member any more from this moment on. */
  releasing_until: number | null;
  /** When it ceased to be a member; the record stays. */
  left_at: number | null;
}

export interface Pool {
  pool_id: string;
  name: string;
  purpose: string;
  /** Only its members know of it. */
  private: boolean;
  archived_at: number | null;
  /** All who are or ever were members, in no order. */
  members: readonly Member[];
}

export function checkPoolName(name: string): void {
  if (hasNameShape(name)) return;
  throw new CctError(
    "bad_request",
    `'${oneLine(name, 60)}' cannot be a pool's name.`,
    "A name is 1 to 40 letters, digits, '.', '_' or '-', begins and ends with a letter or digit.",
  );
}

/** A role as it is kept: one line, nothing invisible. */
export function checkedRole(role: string): string {
  checkPlainText("role", role);
  return checkedLine("role", role, MAX_ROLE);
}

export function checkedPurpose(purpose: string): string {
  checkPlainText("purpose", purpose);
  return checkedLine("purpose", purpose, MAX_PURPOSE);
}

function checkedLine(field: string, text: string, limit: number): string {
  const line = oneLine(text, Number.MAX_SAFE_INTEGER);
  if (line === "") throw new CctError("bad_request", `The ${field} is empty.`, "Say it in a few words.");
  if (line.length > limit) {
    throw new CctError(
      "bad_request",
      `The ${field} has ${line.length} characters; ${limit} is the most.`,
      "Shorten it.",
    );
  }
  return line;
}

/** Who is a member now, longest-standing first. */
export function membersOf(pool: Pick<Pool, "members">): Member[] {
  return pool.members
    .filter((member) => member.left_at === null)
    .sort((a, b) => a.joined_at - b.joined_at || (a.peer_id < b.peer_id ? -1 : 1));
}

export function memberOf(pool: Pick<Pool, "members">, peerId: string): Member | undefined {
  return pool.members.find((member) => member.peer_id === peerId && member.left_at === null);
}

/**
 * How much of a pool somebody sees: all of it; its name, purpose and size; or not even that it exists. `viewerId`: nobody's
 * for the operator, who sees all. What has ended is open to all who were in it; of a private pool, to who was in it at its end.
 */
export function visibilityOf(pool: Pick<Pool, "private" | "archived_at" | "members">, viewerId?: string): Visibility {
  if (viewerId === undefined) return "inside";
  const record = pool.members.find((member) => member.peer_id === viewerId);
  if (record?.left_at === null) return "inside";
  if (!pool.private) return record && pool.archived_at !== null ? "inside" : "outside";
  return record && pool.archived_at !== null && record.left_at === pool.archived_at ? "inside" : "hidden";
}

export type Visibility = "inside" | "outside" | "hidden";

/**
 * Whether a member may read what was said to all of a pool at a moment: one that was released hears no broadcasts any
 * more, and does not read them either.
 */
export function mayRead(pool: Pick<Pool, "members">, viewerId: string, saidAt: number): boolean {
  const until = memberOf(pool, viewerId)?.releasing_until ?? null;
  return until === null || saidAt <= until - RELEASE_GRACE_MS;
}

/** Whom a broadcast of `senderId` reaches: every other member that was not released. */
export function broadcastRecipients(pool: Pick<Pool, "members">, senderId: string): Member[] {
  return membersOf(pool).filter((member) => member.peer_id !== senderId && member.releasing_until === null);
}

/** The lead, if there is one. */
export function leadOf(pool: Pick<Pool, "members">): Member | undefined {
  return membersOf(pool).find((member) => member.role === LEAD);
}

/** Which members live, by `peer_id`. */
export type IsLive = (peerId: string) => boolean;

export interface Joiner {
  peer_id: string;
  name: string;
}

/**
 * A peer joins by itself, or changes its role. An archived pool takes only who was a member before, and lives again.
 */
export function join(pool: Pool, joiner: Joiner, role: string | undefined, live: IsLive, now: number): Pool {
  if (pool.archived_at !== null && visibilityOf(pool, joiner.peer_id) !== "inside") {
    throw new CctError(
      "forbidden",
      `The pool '@${pool.name}' is archived; only who was a member of it can revive it.`,
      "Create a new pool, or ask a prior member to join and invite you.",
    );
  }
  const there = memberOf(pool, joiner.peer_id);
  if (there && there.releasing_until !== null) {
    throw new CctError(
      "conflict",
      `You were released from @${pool.name}; joining does not undo that.`,
      "Finish, then leave it: leave_pool. A member can invite you again.",
    );
  }
  if (role !== undefined) keepLead(pool, there, role);
  const lead = leadOf(pool);
  if (role === LEAD && lead && lead.peer_id !== joiner.peer_id && live(lead.peer_id)) {
    throw new CctError(
      "conflict",
      `@${pool.name} has a lead: ${lead.name}.`,
      "Join with another role; any member can pass the lead on with invite_to_pool and the role 'lead'.",
    );
  }
  return withLead(admit({ ...pool, archived_at: null }, joiner, role, now), live);
}

/** A member (or the operator, who is none) brings a peer in, or gives a member another role; `lead` passes the lead on. */
export function invite(
  pool: Pool,
  inviterId: string | undefined,
  invited: Joiner,
  role: string | undefined,
  live: IsLive,
  now: number,
): Pool {
  requireNotArchived(pool);
  if (inviterId !== undefined) requireActiveMember(pool, inviterId);
  if (inviterId === invited.peer_id) {
    throw new CctError("bad_request", "You cannot invite yourself.", "To change your role: join_pool with a role.");
  }
  if (!live(invited.peer_id)) {
    throw new CctError(
      "conflict",
      `${invited.name} is offline; nobody is there who could work with the pool.`,
      "Invite it when it is back, or leave it a message.",
    );
  }
  const there = memberOf(pool, invited.peer_id);
  if (there && there.releasing_until !== null) {
    throw new CctError(
      "conflict",
      `${invited.name} was released from @${pool.name} by a vote, and is about to leave.`,
      "Invite it again once it has left.",
    );
  }
  if (there && (role === undefined || there.role === role)) {
    throw new CctError(
      "conflict",
      `${invited.name} is a member of @${pool.name} already.`,
      "Invite it with another role to change its role.",
    );
  }
  if (role !== undefined) keepLead(pool, there, role);
  const before = role === LEAD ? withRole(pool, leadOf(pool)?.peer_id, DEFAULT_ROLE) : pool;
  return withLead(admit(before, invited, role, now), live);
}

/** A lead that merely stepped down would hand the lead to whoever stands longest: it is passed on to somebody, or kept. */
function keepLead(pool: Pool, member: Member | undefined, role: string): void {
  if (member?.role !== LEAD || role === LEAD) return;
  throw new CctError(
    "conflict",
    `${member.name} is the lead of @${pool.name}, and a pool has one.`,
    "Pass the lead on: invite_to_pool with another member and the role 'lead'.",
  );
}

function admit(pool: Pool, joiner: Joiner, role: string | undefined, now: number): Pool {
  const there = memberOf(pool, joiner.peer_id);
  const member: Member = there
    ? { ...there, role: role ?? there.role }
    : {
        ...joiner,
        role: role ?? DEFAULT_ROLE,
        joined_at: now,
        releasing_until: null,
        left_at: null,
      };
  return { ...pool, members: [...pool.members.filter((one) => one.peer_id !== joiner.peer_id), member] };
}

/** A member goes, or is let go. With the last one the pool is archived. */
export function leave(pool: Pool, peerId: string, live: IsLive, now: number): Pool {
  requireNotArchived(pool);
  const left = changed(pool, peerId, { left_at: endOf(requireMember(pool, peerId), now), releasing_until: null });
  if (membersOf(left).length === 0) return { ...left, archived_at: now };
  return withLead(left, live);
}

/** A vote has passed: no broadcasts any more, and a time to finish. The lead passes on. */
export function release(pool: Pool, peerId: string, live: IsLive, now: number): Pool {
  const member = memberOf(pool, peerId);
  if (pool.archived_at !== null || !member || member.releasing_until !== null) return pool;
  const role = member.role === LEAD ? DEFAULT_ROLE : member.role;
  return withLead(changed(pool, peerId, { releasing_until: now + RELEASE_GRACE_MS, role }), live);
}

/** The pool ends for all of its members. */
export function archive(pool: Pool, now: number): Pool {
  requireNotArchived(pool);
  const members = pool.members.map((member) => ({
    ...member,
    releasing_until: null,
    left_at: endOf(member, now),
  }));
  return { ...pool, archived_at: now, members };
}

/** From when on a record counts as that of no member: who was released was none of it when the pool ended. */
function endOf(member: Member, now: number): number {
  if (member.left_at !== null) return member.left_at;
  return member.releasing_until === null ? now : Math.min(member.releasing_until - RELEASE_GRACE_MS, now - 1);
}

/** Whether the clock ends a membership: its grace time is over, or it was away for too long. */
export function isDue(
  member: Member,
  away: { offline: boolean; last_seen: number },
  absenceMs: number,
  now: number,
): boolean {
  if (member.releasing_until !== null && now >= member.releasing_until) return true;
  // Not `hasElapsed`: a clock that was set back must not empty every pool at once.
  return away.offline && now >= away.last_seen + absenceMs;
}

/**
 * Exactly one lead where there are members that can lead: the one there is while it lives, else the longest-standing
 * one that lives; who cannot be chosen by that keeps or gets it by standing, so that a pool of absent members has one too.
 */
export function withLead(pool: Pool, live: IsLive): Pool {
  if (pool.archived_at !== null) return pool;
  const able = membersOf(pool).filter((member) => member.releasing_until === null);
  const leads = able.filter((member) => member.role === LEAD);
  const lead =
    leads.find((member) => live(member.peer_id)) ?? able.find((member) => live(member.peer_id)) ?? leads[0] ?? able[0];
  return {
    ...pool,
    members: pool.members.map((member) => {
      if (member.left_at !== null) return member;
      if (member.peer_id === lead?.peer_id) return member.role === LEAD ? member : { ...member, role: LEAD };
      return member.role === LEAD ? { ...member, role: DEFAULT_ROLE } : member;
    }),
  };
}

function changed(pool: Pool, peerId: string, what: Partial<Member>): Pool {
  return {
    ...pool,
    members: pool.members.map((member) =>
      member.peer_id === peerId && member.left_at === null ? { ...member, ...what } : member,
    ),
  };
}

function withRole(pool: Pool, peerId: string | undefined, role: string): Pool {
  return peerId === undefined ? pool : changed(pool, peerId, { role });
}

export function requireNotArchived(pool: Pool): void {
  if (pool.archived_at === null) return;
  throw new CctError(
    "conflict",
    `The pool '@${pool.name}' is archived.`,
    "A prior member revives it with join_pool; else create a new one.",
  );
}

/** Throws `forbidden` when the peer is no member of the pool. */
export function requireMember(pool: Pool, peerId: string): Member {
  const member = memberOf(pool, peerId);
  if (member) return member;
  throw new CctError("forbidden", `You are not a member of @${pool.name}.`, "Join it first: join_pool.");
}

/** Throws `forbidden` when the peer is no member of the pool, or one that was released: it may finish, and no more. */
export function requireActiveMember(pool: Pool, peerId: string): Member {
  const member = requireMember(pool, peerId);
  if (member.releasing_until === null) return member;
  const lead = leadOf(pool);
  throw new CctError(
    "forbidden",
    `You were released from @${pool.name}, and have no say in it any more.`,
    `${lead ? `Tell its lead what is left to say, with to=@${pool.name}/${lead.name}; then` : "Finish, then"} leave it: leave_pool.`,
  );
}

/** The members whose record differs: what is to be written down. */
export function changedMembers(before: Pick<Pool, "members">, after: Pick<Pool, "members">): Member[] {
  return after.members.filter((member) => !before.members.includes(member));
}
