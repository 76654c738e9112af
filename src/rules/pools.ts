/**
 * Pools: their data, name and text checks, and read-only questions (members, lead, visibility). A pool is a value that
 * includes all current and former members. For transitions see `pool-lifecycle.ts`.
 */
import { CctError } from "../platform/errors.ts";
import { checkNotId, hasNameShape, isName } from "./names.ts";
import { checkPlainText, oneLine } from "./text.ts";

export const LEAD = "lead";
export const DEFAULT_ROLE = "member";
export const MAX_ROLE = 32;
export const MAX_PURPOSE = 500;

/** The time that a released member has to finish and leave. */
export const RELEASE_GRACE_MS = 15 * 60_000;

export interface Member {
  peer_id: string;
  name: string;
  role: string;
  joined_at: number;
  /** Released by a vote: it gets no broadcasts, and membership ends at this time. */
  releasing_until: number | null;
  /** When membership ended; the record stays. */
  left_at: number | null;
}

export interface Pool {
  pool_id: string;
  name: string;
  purpose: string;
  /** Only members know that it exists. */
  private: boolean;
  archived_at: number | null;
  /** All current and former members, unordered. */
  members: readonly Member[];
}

/** Throws `bad_request` if the name is invalid. */
export function checkPoolName(name: string): void {
  if (!hasNameShape(name)) {
    throw new CctError(
      "bad_request",
      `'${oneLine(name, 60)}' cannot be a pool's name.`,
      "A name is 1 to 40 letters, digits, '.', '_' or '-', and starts and ends with a letter or digit.",
    );
  }
  checkNotId(name, "a pool's");
  const wanted = name.toLowerCase();
  const meaning = wanted === EVERYBODY ? "everybody" : isName(wanted) ? undefined : "not a pool, but who has that name";
  if (meaning === undefined) return;
  throw new CctError("bad_request", `A pool cannot be named '${wanted}'.`, `@${wanted} is ${meaning}. Choose another.`);
}

/** `@all` is an address of its own. */
export const EVERYBODY = "all";

/** The role on one line. Throws `bad_request` if it is empty, too long or has control characters. */
export function checkedRole(role: string): string {
  checkPlainText("role", role);
  return checkedLine("role", role, MAX_ROLE);
}

/** The purpose on one line. Throws `bad_request` if it is empty, too long or has control characters. */
export function checkedPurpose(purpose: string): string {
  checkPlainText("purpose", purpose);
  return checkedLine("purpose", purpose, MAX_PURPOSE);
}

function checkedLine(field: string, text: string, limit: number): string {
  const line = oneLine(text, Number.MAX_SAFE_INTEGER);
  if (line === "") throw new CctError("bad_request", `The ${field} is empty.`, "Describe it in a few words.");
  if (line.length > limit) {
    throw new CctError(
      "bad_request",
      `The ${field} has ${line.length} characters; the limit is ${limit}.`,
      "Shorten it.",
    );
  }
  return line;
}

/** Current members, in order of joining. */
export function membersOf(pool: Pick<Pool, "members">): Member[] {
  return pool.members
    .filter((member) => member.left_at === null)
    .sort((a, b) => a.joined_at - b.joined_at || (a.peer_id < b.peer_id ? -1 : 1));
}

/** The peer's current membership; `undefined` if it is not a member. */
export function memberOf(pool: Pick<Pool, "members">, peerId: string): Member | undefined {
  return pool.members.find((member) => member.peer_id === peerId && member.left_at === null);
}

export function leadOf(pool: Pick<Pool, "members">): Member | undefined {
  return membersOf(pool).find((member) => member.role === LEAD);
}

/** `inside`: everything. `outside`: name, purpose and size. `hidden`: not even that the pool exists. */
export type Visibility = "inside" | "outside" | "hidden";

/**
 * What `viewerId` may know of a pool. The operator (`undefined`) sees everything. Former members see an archived pool; of a
 * private pool only those who were members when it ended.
 */
export function visibilityOf(pool: Pick<Pool, "private" | "archived_at" | "members">, viewerId?: string): Visibility {
  if (viewerId === undefined) return "inside";
  const record = pool.members.find((member) => member.peer_id === viewerId);
  if (record?.left_at === null) return "inside";
  if (!pool.private) return record && pool.archived_at !== null ? "inside" : "outside";
  return record && pool.archived_at !== null && record.left_at === pool.archived_at ? "inside" : "hidden";
}

/** Whether `viewerId` may read a broadcast from the time `sentAt`. Released members get none from after their release. */
export function mayRead(pool: Pick<Pool, "members">, viewerId: string, sentAt: number): boolean {
  const until = memberOf(pool, viewerId)?.releasing_until ?? null;
  return until === null || sentAt <= until - RELEASE_GRACE_MS;
}

/** The recipients of a broadcast: all members except the sender and released ones. */
export function broadcastRecipients(pool: Pick<Pool, "members">, senderId: string): Member[] {
  return membersOf(pool).filter((member) => member.peer_id !== senderId && member.releasing_until === null);
}

/** Throws `conflict` if the pool is archived. */
export function requireNotArchived(pool: Pool): void {
  if (pool.archived_at === null) return;
  throw new CctError(
    "conflict",
    `The pool '@${pool.name}' is archived.`,
    "A former member can revive it with join_pool; otherwise create a new one.",
  );
}

/** Throws `forbidden` if the peer is not a member. */
export function requireMember(pool: Pool, peerId: string): Member {
  const member = memberOf(pool, peerId);
  if (member) return member;
  throw new CctError("forbidden", `You are not a member of @${pool.name}.`, "Join it first: join_pool.");
}

/** Throws `forbidden` if the peer is not a member, or was released. */
export function requireActiveMember(pool: Pool, peerId: string): Member {
  const member = requireMember(pool, peerId);
  if (member.releasing_until === null) return member;
  const lead = leadOf(pool);
  throw new CctError(
    "forbidden",
    `You were released from @${pool.name} and cannot act in it any more.`,
    `${lead ? `Send its lead what is left to say, with to=@${pool.name}/${lead.name}, then` : "Finish, then"} leave it: leave_pool.`,
  );
}
