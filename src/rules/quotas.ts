/** How much of a thing one peer, one pool or one broker may have. What is over is refused with what to do instead. */
import { CctError } from "../platform/errors.ts";

/** Messages and text that wait for one peer: not taken yet, or held by its policy. */
export interface Mailbox {
  messages: number;
  characters: number;
}

/** What one mailbox holds of text, whatever its number of messages. */
export const MAX_MAILBOX_CHARACTERS = 16_000_000;
/** A message that the broker itself sends because somebody must act on it may go into a mailbox that is fuller by so much. */
const URGENT_ROOM = 2;

/** Who puts mail into a mailbox. A person is never held up; `report`: the broker tells what happened; `task`: what to do. */
export type MailSource = "peer" | "operator" | "report" | "task";

/** Whether a mailbox has room. `limit`: messages; 0 for any number of them. */
export function hasRoom(box: Mailbox, source: MailSource, limit: number): boolean {
  if (source === "operator" || limit === 0) return true;
  const times = source === "task" ? URGENT_ROOM : 1;
  return box.messages < limit * times && box.characters < MAX_MAILBOX_CHARACTERS * times;
}

/** What a sender is told, and what stands in the record of a broadcast. */
export function mailboxFullText(name: string, box: Mailbox): string {
  return `${name}'s mailbox is full (${box.messages} messages wait)`;
}

export function mailboxFullError(name: string, box: Mailbox): CctError {
  return new CctError(
    "rate_limited",
    `${mailboxFullText(name, box)}: nothing was sent to it.`,
    `Do not repeat it now: send it when ${name} has read what it has, or ask your user to look why it reads nothing.`,
  );
}

/** Claims that one peer may hold: as many as one heartbeat can renew. */
export const MAX_CLAIMS = 500;
/** Active pools that one peer has created. */
export const MAX_POOLS = 50;
/** Open proposals of one peer, and in one pool. */
export const MAX_PROPOSALS = 20;
/** Services of one peer. */
export const MAX_SERVICES = 100;

/** Throws `rate_limited` when `count` has reached its limit; 0 is none. */
export function requireBelow(count: number, limit: number, what: string, hint: string): void {
  if (limit === 0 || count < limit) return;
  throw new CctError("rate_limited", `${what} (${count}; ${limit} is the most).`, hint);
}
