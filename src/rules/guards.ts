/**
 * Guards: rate limits, duplicate suppression and loop detection, on by default. They keep sessions from burning tokens in
 * a loop. The sender gets an error at once, the operator a note now and then. A limit of 0 means no limit.
 */
import { SKEW_MS } from "./presence.ts";
import type { MailSource } from "./quotas.ts";
import { hasShare, wakeShare } from "./shares.ts";

export interface Limits {
  /** Charges per peer and minute: see `chargeOf`. */
  sends_per_minute: number;
  /** Messages per peer, address and minute. */
  sends_per_pair: number;
  /** Seconds within which an identical text to the same address is rejected; 60 at most. */
  repeat_seconds: number;
  /** Replies in a chain. */
  hops: number;
  /** Wakes per peer and hour. */
  wakes_per_hour: number;
  /** Messages in one mailbox that are open to any sender. */
  mailbox_messages: number;
  /** Registered peers in total, active pools, devices with a token, services. */
  peers: number;
  pools: number;
  devices: number;
  services: number;
  /** Rows in one page of a listing, if the caller names no limit. */
  page: number;
  /** The interval of heartbeats that an idle session without mail is told. */
  idle_beat_ms: number;
}

const MINUTE_MS = 60_000;

/** The last minute. Messages later than `until` were sent before the clock was set back. */
export interface LastMinute {
  since: number;
  until: number;
  /** Not above the sequence numbers in it, which follow confirmed time. */
  afterSeq: number;
}

export const lastMinute = ({ now, confirmed }: { now: number; confirmed: number }): LastMinute => ({
  since: now - MINUTE_MS,
  until: now + SKEW_MS,
  afterSeq: (Math.min(now, confirmed) - MINUTE_MS) * 1000,
});
export const HOUR_MS = 3_600_000;

/** Recipients of a report that count as one message: so many cost the broker about as much as one message does. */
const REPORT_RECIPIENTS = 100;

/**
 * How many messages a message, task or report counts as. Each recipient of a message or task has to read it. A report wakes
 * nobody and is replaced by the next one: it is charged only what it costs the broker.
 */
export function chargeOf(source: MailSource, recipients: number): number {
  const charge = source === "report" ? Math.ceil(recipients / REPORT_RECIPIENTS) : recipients;
  return Math.max(1, charge);
}

/** What a peer has sent, and caused the broker to report, in the last minute. */
export interface RecentSends {
  /** Its charges. */
  all: number;
  /** Messages to the same peer or pool. */
  same: number;
  /** When an identical text last went there, milliseconds since 1970. */
  repeated_at: number | null;
}

export const guards = ["repeat", "sender", "pair", "hops", "reports"] as const;
export type Guard = (typeof guards)[number];

export interface TrippedGuard {
  guard: Guard;
  message: string;
  hint: string;
}

/** The guard that a message trips, if any. `hops`: replies before it in its chain; `to`: the address as the sender wrote it. */
export function trippedGuard(
  limits: Limits,
  sent: RecentSends,
  hops: number,
  to: string,
  now: number,
): TrippedGuard | undefined {
  if (sent.repeated_at !== null && now - sent.repeated_at < limits.repeat_seconds * 1000) {
    const ago = Math.max(0, Math.round((now - sent.repeated_at) / 1000));
    return {
      guard: "repeat",
      message: `You sent an identical text to ${to} ${ago} s ago; it was not sent again.`,
      hint: "The first one is stored and will be read: wait for the answer, or rephrase the text.",
    };
  }
  if (over(hops, limits.hops)) {
    return {
      guard: "hops",
      message: `This chain of replies has ${hops} messages; that looks like a loop, and nothing was sent.`,
      hint: "Stop and ask your user. For a new topic, send without reply_to.",
    };
  }
  if (over(sent.same, limits.sends_per_pair)) {
    return {
      guard: "pair",
      message: `You sent ${sent.same} messages to ${to} within a minute; nothing more was sent.`,
      hint: "Wait a minute, then send one message with everything.",
    };
  }
  if (over(sent.all, limits.sends_per_minute)) {
    return {
      guard: "sender",
      message: `You caused ${sent.all} messages within a minute; nothing more was sent.`,
      hint: "Wait a minute, then send fewer and longer messages. One to a pool counts once for each recipient.",
    };
  }
  return undefined;
}

/** Whether a peer that sent and caused at most so much in the last minute is below the limits, whatever it sends. */
export const isBelowLimits = (limits: Limits, sent: { charges: number; messages: number }): boolean =>
  !over(sent.charges, limits.sends_per_minute) && !over(sent.messages, limits.sends_per_pair);

/** The guard that a call trips whose effects the broker would report to others. `charged`: the caller's charges of the last minute. */
export function guardOnReports(limits: Limits, charged: number): TrippedGuard | undefined {
  if (!over(charged, limits.sends_per_minute)) return undefined;
  return {
    guard: "reports",
    message: `You caused ${charged} messages within a minute; this call would cause more, and nothing was changed.`,
    hint: "Wait a minute. What you do in a pool is reported to its members, and counts as your messages.",
  };
}

const over = (count: number, limit: number): boolean => limit > 0 && count >= limit;

/** The wakes of a peer in the last hour. */
export interface Wakes {
  all: number;
  /** By whose mail they showed (`null`: the operator's or the broker's). One wake can show mail of several senders. */
  by: ReadonlyMap<string | null, number>;
}

export const NO_WAKES: Wakes = { all: 0, by: new Map() };

/** Whether mail of `payer` may wake a peer again. */
export function mayWake(limits: Limits, wakes: Wakes, payer: string | null): boolean {
  const share = wakeShare(limits.wakes_per_hour);
  const own = payer === null ? 0 : (wakes.by.get(payer) ?? 0);
  return limits.wakes_per_hour === 0 || hasShare({ all: wakesUsed(wakes, share.open), own }, share);
}

/** Whether anybody's mail may wake it, so that it does not matter whose it is. */
export function mayAnybodyWake(limits: Limits, wakes: Wakes): boolean {
  const { open } = wakeShare(limits.wakes_per_hour);
  return limits.wakes_per_hour === 0 || wakesUsed(wakes, open) < open;
}

/** The same for a peer that had at most so many wakes; `undefined`: nobody knows. */
export const isBelowWakes = ({ wakes_per_hour }: Limits, atMost: number | undefined): boolean =>
  atMost !== undefined && atMost < wakeShare(wakes_per_hour).open;

/**
 * Of one payer no more wakes count than are open to anybody: interrupts always wake, and with very many of them one peer
 * could otherwise use up what is left for the others.
 */
function wakesUsed({ all, by }: Wakes, open: number): number {
  const counted = [...by.values()].reduce((sum, count) => sum + Math.min(count, open), 0);
  return Math.min(all, counted);
}

/** Average for such text. */
const CHARACTERS_PER_TOKEN = 3.5;
/** Overhead of the frame per message. */
const FRAME_CHARACTERS = 200;

/** A rough token count of mail. It excludes the context that a woken model reads again. */
export function estimatedTokens(messages: number, characters: number): number {
  return Math.round((characters + messages * FRAME_CHARACTERS) / CHARACTERS_PER_TOKEN);
}
