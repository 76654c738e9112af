/** What a person has done, in a sentence: the same wherever they did it. */
import type { DeliveryState } from "../delivery.ts";

const messages = (count: number): string => `${count} message${count === 1 ? "" : "s"}`;

interface Need {
  name: string;
  pool?: string | undefined;
  count?: number | undefined;
  message_id?: string | undefined;
  message_ids?: readonly string[] | undefined;
}

/** The messages that a need is about, as far as it names them. */
export const idsOf = ({ message_ids, message_id }: Need): readonly string[] =>
  message_ids ?? (message_id === undefined ? [] : [message_id]);

/** A row names the oldest of many messages: the others come back in a row of their own. */
const rest = (need: Need): string => {
  const more = (need.count ?? 0) - idsOf(need).length;
  return more > 0 ? `; ${more} more wait` : "";
};

export const voteDecided = ({ name, pool = "" }: Need, decision: "passed" | "rejected"): string =>
  decision === "passed" ? `${name} is released from @${pool}` : `${name} stays in @${pool}`;

export function heldDecided(need: Need, decision: "accept" | "refuse"): string {
  const how = decision === "accept" ? `let through to ${need.name}` : "refused; the sender sees it";
  return `${messages(idsOf(need).length)} ${how}${rest(need)}`;
}

export const sentAgain = (need: Need): string => `${messages(idsOf(need).length)} queued once more${rest(need)}`;

export const serviceRemoved = ({ name }: Need): string => `${name} is off the list`;

export const BOTH_MUTED = "Both are muted: what they send is held";

const letThrough = (released: number, how: string): string => (released > 0 ? `; ${messages(released)} ${how}` : "");

export const muted = ({ name }: { name: string }): string => `${name} is muted: what it sends is held`;
export const unmuted = ({ name }: { name: string }, released: number): string =>
  `${name} is unmuted${letThrough(released, "let through")}`;

export const paused = ({ name }: { name: string }): string => `@${name} is paused: what is said in it is held`;
export const resumed = ({ name }: { name: string }, released: number): string =>
  `@${name} is resumed${letThrough(released, "delivered")}`;

interface Sent {
  recipients: readonly { name: string; state: DeliveryState; note?: string | undefined }[];
  /** What the broker took the address for, where that was not plain. */
  understood?: string | undefined;
}

/** What became of a message that was just sent: of one recipient what to expect, of several how many are in which state. */
export function sentWords({ recipients, understood }: Sent): string {
  const more = understood === undefined ? "" : ` (${understood})`;
  const [only] = recipients;
  if (!only) return `Kept in the pool; nobody was there to get it${more}`;
  if (recipients.length === 1) return `${only.state} for ${only.name}${only.note ? `: ${only.note}` : ""}${more}`;
  const counted = new Map<string, number>();
  for (const { state } of recipients) counted.set(state, (counted.get(state) ?? 0) + 1);
  return `${[...counted].map(([state, count]) => `${state} for ${count}`).join(", ")}${more}`;
}
