/** Quotas per peer, pool and broker. Exceeding one throws `rate_limited` with a hint. */
import { CctError } from "../platform/errors.ts";

/** The backlog of one peer: mail that is queued, claimed, or held by its inbound policy. */
export interface Mailbox {
  messages: number;
  characters: number;
}

/** Maximum text in one mailbox, in addition to the limit on messages. */
export const MAX_MAILBOX_CHARACTERS = 16_000_000;
/** Tasks from the broker, which somebody must act on, may fill a mailbox to this multiple of its limits. */
const TASK_FACTOR = 2;

/** The source of mail. `operator` has no limit. `report`: the broker reports an event. `task`: the broker asks for an action. */
export type MailSource = "peer" | "operator" | "report" | "task";

/** Whether a mailbox accepts one more message. `limit`: messages; 0 means no limit. */
export function hasRoom(box: Mailbox, source: MailSource, limit: number): boolean {
  if (source === "operator" || limit === 0) return true;
  const factor = source === "task" ? TASK_FACTOR : 1;
  return box.messages < limit * factor && box.characters < MAX_MAILBOX_CHARACTERS * factor;
}

/** The reason, for the sender of a message and for a broadcast's list of recipients. */
export function mailboxFullText(name: string, box: Mailbox): string {
  return `${name}'s mailbox is full (${box.messages} messages wait)`;
}

export function mailboxFullError(name: string, box: Mailbox): CctError {
  return new CctError(
    "rate_limited",
    `${mailboxFullText(name, box)}: nothing was sent to it.`,
    `Do not repeat it now. Send it after ${name} has read its mail, or ask your user to check why it does not read.`,
  );
}

/** Claims per peer: as many as one heartbeat can renew. */
export const MAX_CLAIMS = 500;
/** Active pools per creator. */
export const MAX_POOLS = 50;
/** Open proposals per peer, and per pool. */
export const MAX_PROPOSALS = 20;
/** Services per peer. */
export const MAX_SERVICES = 100;

/** Throws `rate_limited` when `count` has reached `limit`; a limit of 0 means no limit. */
export function requireBelow(count: number, limit: number, what: string, hint: string): void {
  if (limit === 0 || count < limit) return;
  throw new CctError("rate_limited", `${what} (${count}; the limit is ${limit}).`, hint);
}
