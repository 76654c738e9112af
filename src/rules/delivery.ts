/**
 * The life of one delivery (one message, one recipient):
 *
 *     queued → claimed → delivered → read          ends: read, expired, refused, dead
 *       ↑________│__________│
 *     held: an inbound policy keeps it until the operator lets it through (→ queued)
 *
 * A claim is a lease with an attempt number. An acknowledgement counts only for the attempt that it names, so that a
 * late one can never settle a newer claim. `redelivered` is set as soon as a model may have seen the text before.
 */
import { hasElapsed, LEASE_MS } from "./presence.ts";

export const urgencies = ["interrupt", "normal", "low"] as const;
export type Urgency = (typeof urgencies)[number];

export const deliveryStates = ["queued", "claimed", "delivered", "read", "expired", "refused", "dead", "held"] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** How mail reached the model: a wake, a tool call, the end of a turn, a prompt, or `cct_check_messages`. */
export const deliveryMethods = ["wake", "tool", "stop", "prompt", "check"] as const;
export type DeliveryMethod = (typeof deliveryMethods)[number];

/**
 * What became of a claim. `delivered`: the host took the text. `read`: the model answered with it in view.
 * `returned`: certainly not shown to anyone. `lost`: perhaps shown, perhaps not.
 */
export const outcomes = ["delivered", "read", "returned", "lost"] as const;
export type Outcome = (typeof outcomes)[number];

/** A lease on one delivery. The attempt number makes an acknowledgement of an older lease void. */
export interface Claim {
  message_id: string;
  attempt: number;
}

export interface Delivery {
  state: DeliveryState;
  attempt: number;
  /** When the current claim was made or last renewed. */
  leased_at: number | null;
  redelivered: boolean;
  /** How often it was taken and nobody knows whether it was shown. */
  lost: number;
  delivered_at: number | null;
  read_at: number | null;
  expires_at: number | null;
  /** Why it ended without being read. */
  reason: string | null;
}

/** Mail that was taken and lost so often is a dead letter: more tries would only hide that something is broken. */
const MAX_LOST = 10;

/** What a recipient's inbound policy makes of mail for it. */
export const policies = ["accept", "hold", "refuse"] as const;
export type Policy = (typeof policies)[number];

/** The policy for mail of a sender, in a pool or not: the most special one that was set. */
export function policyFor(
  set: readonly { source: string; policy: Policy }[],
  fromId: string,
  poolId: string | null,
): Policy {
  const find = (source: string | null) => set.find((one) => one.source === source)?.policy;
  return find(fromId) ?? find(poolId) ?? find("") ?? "accept";
}

const atFirst: Record<Policy, DeliveryState> = { accept: "queued", hold: "held", refuse: "refused" };

export function newDelivery(expiresAt: number | null, policy: Policy = "accept"): Delivery {
  return {
    state: atFirst[policy],
    attempt: 0,
    leased_at: null,
    redelivered: false,
    lost: 0,
    reason: policy === "refuse" ? "the recipient takes no such mail (its inbound policy)" : null,
    delivered_at: null,
    read_at: null,
    expires_at: expiresAt,
  };
}

/** Each rule answers with the next delivery, or `undefined` when nothing changes. */
type Next = Delivery | undefined;

export function claim(d: Delivery, now: number): Next {
  if (d.state !== "queued" || isExpired(d, now)) return undefined;
  return { ...d, state: "claimed", attempt: d.attempt + 1, leased_at: now };
}

/**
 * The holder still has it. Also a claim that lapsed while the holder was out of reach, as long as no other was made: then
 * nothing was lost after all.
 */
export function renew(d: Delivery, attempt: number, now: number): Next {
  if (d.attempt !== attempt) return undefined;
  if (hasLapsed(d)) return { ...d, state: "claimed", leased_at: now, lost: d.lost - 1 };
  return d.state === "claimed" ? { ...d, leased_at: now } : undefined;
}

export function acknowledge(d: Delivery, attempt: number, outcome: Outcome, now: number): Next {
  if (d.attempt !== attempt) return undefined;
  // Shown while the broker was out of reach: it need not come again.
  if (hasLapsed(d) && (outcome === "delivered" || outcome === "read"))
    return { ...d, state: outcome, lost: d.lost - 1, delivered_at: now, read_at: outcome === "read" ? now : null };
  if (d.state === "claimed") {
    if (outcome === "returned") return requeue(d, false);
    if (outcome === "lost") return requeue(d, true);
    return { ...d, state: outcome, leased_at: null, delivered_at: now, read_at: outcome === "read" ? now : null };
  }
  if (d.state === "delivered" && outcome === "read") return { ...d, state: "read", read_at: now };
  return undefined;
}

/** A claim whose holder went silent goes back; nobody knows whether the text was shown. */
export function lapse(d: Delivery, now: number): Next {
  if (d.state !== "claimed" || d.leased_at === null || !hasElapsed(d.leased_at, LEASE_MS, now)) return undefined;
  return requeue(d, true);
}

/**
 * The conversation that took the text was cut off before its model answered (its host process died), and continues
 * in a new process: what it was not seen to read comes again, marked.
 */
export function requeueUnread(d: Delivery): Next {
  return d.state === "delivered" ? requeue(d, true) : undefined;
}

/** Whether the last claim ended without a word of its holder. (What was given back unseen has lost nothing.) */
const hasLapsed = (d: Delivery): boolean => d.state === "queued" && d.attempt > 0 && d.lost > 0;

function isExpired(d: Delivery, now: number): boolean {
  return d.expires_at !== null && now >= d.expires_at;
}

/** Only waiting mail expires: what is claimed may be in front of the model already. */
export function expire(d: Delivery, now: number): Next {
  if ((d.state !== "queued" && d.state !== "held") || !isExpired(d, now)) return undefined;
  const reason = d.state === "held" ? "its time was over while it was held" : "its time was over before it was read";
  return { ...d, state: "expired", reason };
}

/** The operator lets held mail through. */
export function releaseHeld(d: Delivery): Next {
  return d.state === "held" ? { ...d, state: "queued" } : undefined;
}

/** What ended unread is sent once more; a deadline that has passed does not count again. */
export function sendAgain(d: Delivery): Next {
  if (d.state !== "dead" && d.state !== "expired" && d.state !== "refused") return undefined;
  return { ...d, state: "queued", lost: 0, expires_at: null, reason: null };
}

/** Whether a delivery ended without having been read: its sender is to know. */
export function hasFailed(d: Pick<Delivery, "state">): boolean {
  return d.state === "dead" || d.state === "expired" || d.state === "refused";
}

function requeue(d: Delivery, seen: boolean): Delivery {
  const lost = d.lost + (seen ? 1 : 0);
  const back = { ...d, leased_at: null, delivered_at: null, redelivered: d.redelivered || seen, lost };
  if (lost < MAX_LOST) return { ...back, state: "queued" };
  return { ...back, state: "dead", reason: `it was taken ${lost} times, and never seen to be shown` };
}
