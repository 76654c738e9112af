/** Quotas per peer, pool and broker. Exceeding one throws `rate_limited` with a hint. */
import { CctError } from "../platform/errors.ts";
import { hasShare, mailboxShare } from "./shares.ts";

/** An amount of mail that is queued, claimed, or held by an inbound policy. */
export interface Backlog {
  messages: number;
  characters: number;
}

/** The backlog of one peer, and the part of it that one payer caused. */
export interface Mailbox extends Backlog {
  own: Backlog;
}

export const NO_MAIL: Backlog = { messages: 0, characters: 0 };

/** Text in one mailbox that is open to any sender, in addition to the limit on messages. */
export const MAX_MAILBOX_CHARACTERS = 16_000_000;

/** The source of mail. `operator` has no limit. `report`: the broker reports an event. `task`: the broker asks for an action. */
export type MailSource = "peer" | "operator" | "report" | "task";

/** A mailbox with a part whose size does not matter, or is known to be `own`. */
export const mailbox = ({ messages, characters }: Backlog, own = NO_MAIL): Mailbox => ({ messages, characters, own });

/** Whether a mailbox accepts one more message. `limit`: messages that are open to any sender; 0 means no limit. */
export function hasRoom(all: Mailbox, source: MailSource, limit: number): boolean {
  if (source === "operator" || limit === 0) return true;
  // Somebody must act on a task, so it may always use the reserve.
  const used = source === "task" ? NO_MAIL : all.own;
  return (
    hasShare({ all: all.messages, own: used.messages }, mailboxShare(limit)) &&
    hasShare({ all: all.characters, own: used.characters }, mailboxShare(MAX_MAILBOX_CHARACTERS))
  );
}

/** Whether it matters who sends: the part that is open to any sender is used up. */
export function isNearlyFull(all: Backlog, limit: number): boolean {
  return limit !== 0 && (all.messages >= limit || all.characters >= MAX_MAILBOX_CHARACTERS);
}

/** No more messages than this need be counted: beyond, a mailbox accepts mail of the operator only. */
export const mostMessages = (limit: number): number => mailboxShare(limit).most;

/** The reason, for the sender of a message and for a broadcast's list of recipients. */
export function mailboxFullText(name: string, box: Backlog): string {
  return `${name}'s mailbox is full (at least ${box.messages} messages wait)`;
}

export function mailboxFullError(name: string, box: Backlog): CctError {
  return new CctError(
    "rate_limited",
    `${mailboxFullText(name, box)}: nothing was sent to it.`,
    `Do not repeat it now. Send it after ${name} has read its mail, or ask your user to check why it does not read.`,
  );
}

/** Claims per peer: as many as one heartbeat can renew. */
export const MAX_CLAIMS = 500;
/** Active pools per creator, and of all creators of one device. */
export const MAX_POOLS = 50;
export const MAX_DEVICE_POOLS = 1_000;
/** Pools that one peer is in: each heartbeat lists them. */
export const MAX_MEMBERSHIPS = 200;
/** Members of one pool: each broadcast makes as many deliveries. */
export const MAX_MEMBERS = 2_000;
/** Inbound policies of one peer for senders and pools. */
export const MAX_POLICIES = 200;
/** Open proposals per peer, and per pool. */
export const MAX_PROPOSALS = 20;
/** Services per peer. */
export const MAX_SERVICES = 100;

/** Throws `rate_limited` when `count` has reached `limit`; a limit of 0 means no limit. */
export function requireBelow(count: number, limit: number, what: string, hint: string): void {
  if (limit === 0 || count < limit) return;
  throw new CctError("rate_limited", `${what} (${count}; the limit is ${limit}).`, hint);
}
