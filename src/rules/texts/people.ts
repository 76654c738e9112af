/** Sessions, and what needs a person, in short words for views. */
import { VOTE_SOON_MS } from "../notifications.ts";
import type { Presence } from "../presence.ts";
import { span } from "../text.ts";

interface Peer {
  presence: Presence;
  /** Of this presence. */
  since?: number | undefined;
  last_seen: number;
  busy_reason?: string | undefined;
  busy_until?: number | undefined;
}

export function presenceWords(peer: Peer, now: number): string {
  const { presence, busy_reason: reason, busy_until: until, since } = peer;
  const age = since === undefined ? "" : ` · ${span(now - since)}`;
  if (presence === "busy") {
    const left = until === undefined ? "" : until > now ? `${span(until - now)} left` : "overdue";
    return [reason ?? "busy", left].filter(Boolean).join(" · ");
  }
  if (presence === "blocked") return `needs permission${age}`;
  if (presence === "offline") return `offline · ${span(now - peer.last_seen)}`;
  return `${presence}${age}`;
}

/** The last directory of a path: what people call the place. */
export const repoOf = (peer: { repo?: string | null | undefined; cwd: string }): string =>
  (peer.repo ?? peer.cwd).split(/[\\/]/).findLast(Boolean) ?? "/";

/** The address of a message as people read it: where it was written as an id, the name that its recipient had last. */
export function addresseeOf(to: string, recipients: readonly { peer_id: string; name: string }[]): string {
  const isId = /^[0-9a-f]{4,32}$/i.test(to);
  return (isId && recipients.find(({ peer_id }) => peer_id.startsWith(to.toLowerCase()))?.name) || to;
}

/** How long a need is there, or how long there is to decide. `isSoon`: the time is nearly over. */
export function needAge({ at, deadline }: { at: number; deadline?: number | undefined }, now: number) {
  if (deadline === undefined) return { words: span(now - at), isSoon: false };
  const left = deadline - now;
  return { words: left > 0 ? `${span(left)} left` : "over", isSoon: left < VOTE_SOON_MS };
}

/** How a vote stands. */
export const ballotWords = ({ yes, no, needed }: { yes: number; no: number; needed: number }): string =>
  `${yes} of ${needed} needed said yes${no > 0 ? `, ${no} no` : ""}`;

/** `3 need you`. */
export const needTitle = (count: number): string =>
  count === 0 ? "Nothing needs you" : count === 1 ? "1 needs you" : `${count} need you`;
