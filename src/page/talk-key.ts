/** The keys of conversations: `@pool`, or the ids of two participants. Sessions, people and `@all` are participants. */
import type { Conversation, MessageRow } from "./types.ts";

/** Two participants, in either order. */
export const pairKey = (a: string, b: string): string => (a < b ? `${a}~${b}` : `${b}~${a}`);

/** `@all~operator` is none. */
export const isPoolTalk = (key: string): boolean => key.startsWith("@") && !key.includes("~");

/** The conversation that a message belongs to, as the address of its view. */
export function talkOf(message: Pick<MessageRow, "from" | "to" | "to_id" | "pool" | "recipients">): string {
  if (message.pool !== undefined) return `@${message.pool}`;
  return pairKey(message.from, message.to_id ?? message.recipients[0]?.peer_id ?? message.to);
}

export const talkKey = (one: Conversation): string => (one.pool === undefined ? one.key : `@${one.pool}`);
