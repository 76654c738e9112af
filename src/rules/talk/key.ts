/** The keys of conversations: `@pool`, or the ids of two participants. Sessions, people and `@all` are participants. */
import { OPERATOR_NAME } from "../names.ts";

/** Two participants, in either order. */
export const pairKey = (a: string, b: string): string => (a < b ? `${a}~${b}` : `${b}~${a}`);

/** `@all~operator` is none. */
export const isPoolTalk = (key: string): boolean => key.startsWith("@") && !key.includes("~");

/** Who is in a direct conversation besides the person here. */
export const othersIn = (key: string): string[] => key.split("~").filter((id) => id !== OPERATOR_NAME);

/** Whether the person here is in a direct conversation. */
export const isMine = (key: string): boolean => !isPoolTalk(key) && othersIn(key).length < key.split("~").length;

interface Addressed {
  from: string;
  to: string;
  to_id?: string | undefined;
  pool?: string | undefined;
  recipients: readonly { peer_id: string }[];
}

/** The conversation that a message belongs to, as the address of its view. */
export function talkOf(message: Addressed): string {
  if (message.pool !== undefined) return `@${message.pool}`;
  return pairKey(message.from, message.to_id ?? message.recipients[0]?.peer_id ?? message.to);
}

/** By its pool's name: that is what people see in an address. */
export const talkKey = ({ key, pool }: { key: string; pool?: string | undefined }): string =>
  pool === undefined ? key : `@${pool}`;
