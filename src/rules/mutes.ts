/**
 * Mutes: the operator holds back what a peer sends, or what peers send in a pool (then it is paused), for a time or until
 * further notice. When a mute ends, what it held goes on.
 */
import type { Policy } from "./delivery.ts";

export const muteKinds = ["peer", "pool"] as const;

export interface Mute {
  /** The peer_id or the pool_id. */
  source: string;
  kind: (typeof muteKinds)[number];
  /** The name of the person who did it. */
  by_name: string;
  set_at: number;
  /** When it ends; `null`: by hand only. */
  until_at: number | null;
}

/** How many there can be: each send of a muted peer or into a paused pool reads all of them. */
export const MAX_MUTES = 500;

const isOn = ({ until_at }: Mute, now: number): boolean => until_at === null || until_at > now;

/** The mute that holds a message of this sender, in this pool: of two the one that ends later. */
export function muteOf(mutes: readonly Mute[], fromId: string, poolId: string | null, now: number): Mute | undefined {
  const end = ({ until_at }: Mute): number => until_at ?? Number.POSITIVE_INFINITY;
  return mutes
    .filter((one) => isOn(one, now) && one.source === (one.kind === "peer" ? fromId : poolId))
    .sort((a, b) => end(b) - end(a) || (a.kind < b.kind ? -1 : 1))[0];
}

/** What becomes of mail to a mailbox with this policy: a mute holds what the policy would accept. */
export const underMute = (policy: Policy, mute: Mute | undefined): { policy: Policy; mute: Mute | undefined } =>
  mute && policy === "accept" ? { policy: "hold", mute } : { policy, mute: undefined };

/** The reason, for the sender. `pool`: the name of the message's pool. */
export function muteText({ kind, until_at }: Mute, pool: string | undefined): string {
  const what =
    kind === "pool" ? `the operator paused ${pool === undefined ? "that pool" : `@${pool}`}` : "the operator muted you";
  const end =
    until_at === null
      ? "until further notice"
      : `until ${new Date(until_at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  return `${what} ${end}; it is kept and goes on then`;
}
