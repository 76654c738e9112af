/**
 * The state machine of a delivery (one message for one recipient):
 *
 *     queued → claimed → delivered → read          final: read, expired, refused, dead
 *       ↑________│__________│
 *     held: an inbound policy keeps it until the operator releases it (→ queued)
 *
 * A claim is a lease with an attempt number. An acknowledgement applies only to the attempt that it names, so a late one
 * cannot settle a newer claim. `redelivered` is set once a model may have seen the text.
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
 * How a claim ended. `delivered`: the host accepted the text. `read`: the model continued with the text in view.
 * `returned`: certainly not shown. `lost`: unknown whether it was shown.
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
  /** When the current claim was made or last renewed, milliseconds since 1970. */
  leased_at: number | null;
  redelivered: boolean;
  /** The number of claims that were lost, or shown and never confirmed as read. */
  lost: number;
  delivered_at: number | null;
  read_at: number | null;
  expires_at: number | null;
  /** Why it ended unread. */
  reason: string | null;
}

/** After this many such claims a delivery becomes a dead letter: more attempts would only hide a fault. */
const MAX_LOST = 10;

/** Inbound policies of a recipient. */
export const policies = ["accept", "hold", "refuse"] as const;
export type Policy = (typeof policies)[number];

/** The most specific policy that applies: for the sender, otherwise for the pool, otherwise the default (source `""`). */
export function policyFor(
  policiesOfPeer: readonly { source: string; policy: Policy }[],
  fromId: string,
  poolId: string | null,
): Policy {
  const find = (source: string | null) => policiesOfPeer.find((one) => one.source === source)?.policy;
  return find(fromId) ?? find(poolId) ?? find("") ?? "accept";
}

const initialState: Record<Policy, DeliveryState> = { accept: "queued", hold: "held", refuse: "refused" };

export function newDelivery(expiresAt: number | null, policy: Policy = "accept"): Delivery {
  return {
    state: initialState[policy],
    attempt: 0,
    leased_at: null,
    redelivered: false,
    lost: 0,
    reason: policy === "refuse" ? "the recipient's inbound policy rejects such mail" : null,
    delivered_at: null,
    read_at: null,
    expires_at: expiresAt,
  };
}

/** Each transition returns the changed delivery, or `undefined` if it does not apply. */
type Next = Delivery | undefined;

/** Claims a queued delivery that has not expired. */
export function claim(d: Delivery, now: number): Next {
  if (d.state !== "queued" || isExpired(d, now)) return undefined;
  return { ...d, state: "claimed", attempt: d.attempt + 1, leased_at: now };
}

/**
 * Renews a claim. A claim that lapsed while its holder was disconnected is restored if there was no other claim since, and
 * then it does not count as lost.
 */
export function renew(d: Delivery, attempt: number, now: number): Next {
  if (d.attempt !== attempt) return undefined;
  if (hasLapsed(d)) return { ...d, state: "claimed", leased_at: now, lost: d.lost - 1 };
  return d.state === "claimed" ? { ...d, leased_at: now } : undefined;
}

/** Ends a claim with an outcome, or marks delivered mail as read. An older attempt changes nothing. */
export function acknowledge(d: Delivery, attempt: number, outcome: Outcome, now: number): Next {
  if (d.attempt !== attempt) return undefined;
  // Shown while the broker was unreachable: do not deliver it again.
  if (hasLapsed(d) && (outcome === "delivered" || outcome === "read"))
    return { ...d, state: outcome, lost: d.lost - 1, delivered_at: now, read_at: outcome === "read" ? now : null };
  if (d.state === "claimed") {
    if (outcome === "returned") return requeue(d, false);
    if (outcome === "lost") return requeue(d, true);
    return { ...d, state: outcome, leased_at: null, delivered_at: now, read_at: outcome === "read" ? now : null };
  }
  if (d.state === "delivered" && outcome === "read") return { ...d, state: "read", read_at: now };
  // Its host has dropped the turn that it was shown in.
  if (outcome === "lost") return requeueUnread(d);
  return undefined;
}

/** Marks mail as read that was shown to a person as a whole. Nobody claims a person's mail: it is shown where it is read. */
export function readByPerson(d: Delivery, now: number): Next {
  if (d.state !== "queued") return undefined;
  return { ...d, state: "read", attempt: d.attempt + 1, delivered_at: now, read_at: now };
}

/**
 * Undoes a claim that certainly never reached its session, also when it has lapsed since. `marked`: whether the mail was marked
 * as redelivered before.
 */
export function undoClaim(d: Delivery, attempt: number, marked: boolean): Next {
  if (d.attempt !== attempt) return undefined;
  if (d.state === "claimed") return requeue(d, false);
  return hasLapsed(d) ? { ...d, redelivered: marked, lost: d.lost - 1 } : undefined;
}

/** Requeues a claim whose lease has run out. Whether the text was shown is unknown. */
export function lapse(d: Delivery, now: number): Next {
  if (d.state !== "claimed" || d.leased_at === null || !hasElapsed(d.leased_at, LEASE_MS, now)) return undefined;
  return requeue(d, true);
}

/**
 * Requeues delivered mail that was not read, marked as redelivered: the host process died before the model answered, and
 * the conversation continues in a new process; or the host dropped the turn.
 */
export function requeueUnread(d: Delivery): Next {
  return d.state === "delivered" ? requeue(d, true) : undefined;
}

/** Whether the last claim lapsed. Returned mail does not count: it was certainly not shown. */
const hasLapsed = (d: Delivery): boolean => d.state === "queued" && d.attempt > 0 && d.lost > 0;

function isExpired(d: Delivery, now: number): boolean {
  return d.expires_at !== null && now >= d.expires_at;
}

/** Expires queued or held mail. Claimed mail never expires, because the model may already see it. */
export function expire(d: Delivery, now: number): Next {
  if ((d.state !== "queued" && d.state !== "held") || !isExpired(d, now)) return undefined;
  const reason =
    d.state === "held" ? "the deadline passed while it was held" : "the deadline passed before it was read";
  return { ...d, state: "expired", reason };
}

/** Releases held mail on behalf of the operator. */
export function releaseHeld(d: Delivery): Next {
  return d.state === "held" ? { ...d, state: "queued" } : undefined;
}

/** Refuses held mail on behalf of the operator. */
export function refuseHeld(d: Delivery): Next {
  return d.state === "held" ? { ...d, state: "refused", reason: "the operator refused it" } : undefined;
}

/** Queues mail that ended unread again, without its old expiry. */
export function sendAgain(d: Delivery): Next {
  if (d.state !== "dead" && d.state !== "expired" && d.state !== "refused") return undefined;
  return { ...d, state: "queued", lost: 0, expires_at: null, reason: null };
}

/** Ends mail that waits for a recipient that is removed. Mail that was shown keeps its state. */
export function abandon(d: Delivery, reason = RECIPIENT_REMOVED): Next {
  if (!isWaiting(d)) return undefined;
  return { ...d, state: "dead", leased_at: null, reason };
}
export const RECIPIENT_REMOVED = "the recipient was removed";
/** Such as `claude -p`: nobody continues it. */
export const RECIPIENT_ENDED = "its session has ended, and does not return";

/** Whether it is part of its recipient's mailbox. */
export const isWaiting = ({ state }: Pick<Delivery, "state">): boolean =>
  state === "queued" || state === "claimed" || state === "held";

/**
 * Whether a power cut may undo the step to this state. A step forward may be undone: if the mail is queued then, it is marked
 * (`beginBoot`). Steps back are durable, so a forgotten claim has the next attempt number.
 */
export function mayBeForgotten(state: DeliveryState): boolean {
  return state === "claimed" || state === "delivered" || state === "read";
}

/**
 * Whether its text is kept from its recipient: a policy holds or refused it, or it ended before any attempt, so perhaps while it
 * was held.
 */
export const isWithheld = ({ state, attempt }: Pick<Delivery, "state" | "attempt">): boolean =>
  state === "held" || state === "refused" || ((state === "expired" || state === "dead") && attempt === 0);

/** Whether a delivery ended unread. The sender is notified then. */
export function hasFailed(d: Pick<Delivery, "state">): boolean {
  return d.state === "dead" || d.state === "expired" || d.state === "refused";
}

/** `mayBeSeen`: a model may have seen the text, so the claim counts as lost. */
function requeue(d: Delivery, mayBeSeen: boolean): Delivery {
  const lost = d.lost + (mayBeSeen ? 1 : 0);
  const requeued = { ...d, leased_at: null, delivered_at: null, redelivered: d.redelivered || mayBeSeen, lost };
  if (lost < MAX_LOST) return { ...requeued, state: "queued" };
  return { ...requeued, state: "dead", reason: `claimed ${lost} times and never confirmed as read` };
}
