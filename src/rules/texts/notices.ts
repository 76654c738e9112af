/**
 * What the broker itself writes into mailboxes (a frame calls it a notice), each with its reason. Words of peers in it stand in
 * quotes that they cannot close. `by`, `who`: a peer as the operations name it, or the operator.
 */
import { quoted } from "../text.ts";

interface Invitation {
  by: string;
  pool: string;
  role: string;
  reason: string | undefined;
}

const because = (reason: string | undefined): string => (reason?.trim() ? ` Reason: ${quoted(reason, 500)}.` : "");

/** To a new member: enough to begin with, so that it needs no other call. */
export const added = ({ by, pool, role, reason }: Invitation, purpose: string, size: number): string =>
  `${by} added you to the pool @${pool} as ${quoted(role)}.${because(reason)} Purpose: ${quoted(purpose, 500)}. ` +
  `${size} members. To write to all: to="@${pool}". To leave: cct_leave_pool.`;

/** To a member with another role, which may be the lead. */
export const madeMember = ({ by, pool, role, reason }: Invitation): string =>
  `${by} made you ${quoted(role)} in the pool @${pool}.${because(reason)}`;

/** What the other members read of a change, in a line beside their next mail: nobody has to act on it. */
export const change = {
  joined: (who: string, role: string, revived: boolean) =>
    `${who} ${revived ? "revived the pool" : "joined"} as ${quoted(role)}.`,
  role: (who: string, role: string) => `${who} now has the role ${quoted(role)}.`,
  added: (by: string, who: string, role: string) => `${by} added ${who} to the pool as ${quoted(role)}.`,
  made: (by: string, who: string, role: string) => `${by} made ${who} ${quoted(role)}.`,
  released: (who: string) => `${who} is released.`,
  left: (who: string) => `${who} left the pool.`,
  /** Also to the new lead itself. */
  lead: (who: string) => `${who} is the new lead.`,
  archived: (by: string, pool: string) => `${by} archived the pool @${pool}. It accepts no more mail.`,
};

/** A few of many changes of one kind: the rest is a number. */
export const others = {
  joined: "joined",
  role: "have new roles",
  lead: "became lead in turn",
  released: "were released",
  left: "are no longer members",
};

/** To each voter: all that a vote needs in one turn. A release is judged by the work, not by who asks for it. */
export const proposed = (
  { by, subject, pool, reason }: { by: string; subject: string; pool: string; reason: string },
  { id, minutes, needed, voters }: { id: string; minutes: number; needed: number; voters: number },
  withoutVote: readonly string[],
): string => {
  const shown = withoutVote.slice(0, 5).join(", ");
  const more = withoutVote.length > 5 ? ` and ${withoutVote.length - 5} more` : "";
  return (
    `${by} proposes to release ${subject} from the pool @${pool}. Reason: ${quoted(reason, 1000)}. Judge by the work.\n` +
    `Vote within ${minutes} min: cct_vote_release proposal_id="${id}" vote=yes, no or abstain. ` +
    `It takes ${needed} of ${voters} votes.${shown && ` No vote: ${shown}${more}.`}`
  );
};

/** To the voters, with their next mail. */
export const decided = (id: string, subject: string, state: string, why: string): string =>
  `The proposal ${id} to release ${subject} is ${state}: ${why}.`;

/**
 * To the released member. It is told what to do, since a model that is only told that it is out drops its work half done; and
 * that its user's task goes on.
 */
export const released = (pool: string, outcome: string, proposer: string, reason: string, minutes: number): string =>
  `The pool @${pool} has released you: ${outcome}. Reason given by ${proposer}: ${quoted(reason, 1000)}.\n` +
  "Bring your work for it to a safe end, tell its lead in one message what is done and what is not, then call cct_leave_pool. " +
  "If you poll for mail, stop that poll. " +
  `You get no more mail to @${pool} and are a member for at most ${minutes} minutes more. ` +
  "What your own user asked of you goes on.";

/** To a session that sat down in a seat: its conversation knows nothing of what the last one left. `held`: what that is. */
export const tookSeat = (name: string, id: string, held: readonly string[]): string =>
  `You are ${name} (${id}). Another conversation was ${name} before, and what it left is yours now: ${held.join("; ")}.`;

/** To a session that did not get the name it was to have. `holder`: the peer that has it; otherwise it is a pool's. */
export const nameTaken = (
  name: string,
  id: string,
  wanted: string,
  holder: { isLive: boolean; id: string; host: string } | undefined,
): string =>
  `You are ${name} (${id}), because ${wanted} is ` +
  (holder
    ? `${holder.isLive ? "a live session" : "a peer that is away"} (${holder.id} on ${holder.host}). Mail to ${wanted} goes there.`
    : `the name of the pool @${wanted}.`);

/** The operator changed who a session is: it signs with its name. */
export const renamed = (before: string, now: string): string => `The operator renamed you from ${before} to ${now}.`;

export const merged = (name: string, id: string): string =>
  `The operator merged the peer ${name} (${id}) into you: its mail, pools and services are yours now.`;

/** Why a peer is gone, for the members of its pools and for the voters on its proposals. */
export const removedByOperator = (name: string): string => `${name} was removed by the operator`;
export const mergedInto = (name: string, into: string): string => `${name} was merged into ${into} by the operator`;
export const endedItself = (name: string): string => `${name} has ended its session`;

/** To peers that poll, since each look is a turn. */
export const pollLess = (who: string, minutes: number, reason: string, every: number): string =>
  `${who} is busy for about ${minutes} min: ${quoted(reason)}. If you wait for it, poll only every ${every} minutes until you hear that it is ready.`;

export const pollAgain = (who: string, how: "ready" | "offline"): string =>
  `${who} is ${how}. Poll once a minute again.`;

/** To the sender of mail that ended unread. The beginning, if it may be quoted, tells which it was. */
export const endedUnread = (what: string, beginning: string | undefined): string =>
  beginning === undefined ? `Your ${what}.` : `Your ${what}. It began: "${beginning}"`;

/** The same for mail in an outbox. */
export const endedInOutbox = (id: string, to: string, since: string, beginning: string, end: string): string =>
  `About your message ${id} to ${quoted(to)}, in this machine's outbox since ${since}, which begins ${quoted(beginning)}: ${end}`;
