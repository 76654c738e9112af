/**
 * The life of one delivery (one message, one recipient):
 *
 *     queued → claimed → delivered → read          ends: read, expired (later: refused, dead)
 *       ↑________│__________│
 *
 * A claim is a lease with an attempt number. An acknowledgement counts only for the attempt that it names, so that a
 * late one can never settle a newer claim. `redelivered` is set as soon as a model may have seen the text before.
 */
import { isOver, LEASE_MS } from "./presence.ts";

export const urgencies = ["interrupt", "normal", "low"] as const;
export type Urgency = (typeof urgencies)[number];

export const states = ["queued", "claimed", "delivered", "read", "expired"] as const;
export type DeliveryState = (typeof states)[number];

/**
 * What became of a claim. `delivered`: the host took the text. `read`: the model answered with it in view.
 * `returned`: certainly not shown to anyone. `lost`: perhaps shown, perhaps not.
 */
export const outcomes = ["delivered", "read", "returned", "lost"] as const;
export type Outcome = (typeof outcomes)[number];

export interface Delivery {
  state: DeliveryState;
  attempt: number;
  /** When the current claim was made or last renewed. */
  leased_at: number | null;
  redelivered: boolean;
  delivered_at: number | null;
  read_at: number | null;
  expires_at: number | null;
}

export function newDelivery(expiresAt: number | null): Delivery {
  return {
    state: "queued",
    attempt: 0,
    leased_at: null,
    redelivered: false,
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

export function renew(d: Delivery, attempt: number, now: number): Next {
  if (d.state !== "claimed" || d.attempt !== attempt) return undefined;
  return { ...d, leased_at: now };
}

export function acknowledge(d: Delivery, attempt: number, outcome: Outcome, now: number): Next {
  if (d.attempt !== attempt) return undefined;
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
  if (d.state !== "claimed" || d.leased_at === null || !isOver(d.leased_at, LEASE_MS, now)) return undefined;
  return requeue(d, true);
}

/**
 * The conversation that took the text was cut off before its model answered (its host process died), and continues
 * in a new process: what it was not seen to read comes again, marked.
 */
export function cutOff(d: Delivery): Next {
  return d.state === "delivered" ? requeue(d, true) : undefined;
}

export function isExpired(d: Delivery, now: number): boolean {
  return d.expires_at !== null && now >= d.expires_at;
}

/** Only waiting mail expires: what is claimed may be in front of the model already. */
export function expire(d: Delivery, now: number): Next {
  return d.state === "queued" && isExpired(d, now) ? { ...d, state: "expired" } : undefined;
}

function requeue(d: Delivery, seen: boolean): Delivery {
  return { ...d, state: "queued", leased_at: null, delivered_at: null, redelivered: d.redelivered || seen };
}
