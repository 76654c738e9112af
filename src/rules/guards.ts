/**
 * Guards: rate limits, duplicate suppression and loop detection, on by default. They keep sessions from burning tokens in
 * a loop. The sender gets an error at once, the operator a note now and then. A limit of 0 means no limit.
 */

export interface Limits {
  /** Messages per peer and minute. */
  sends_per_minute: number;
  /** Messages per peer, address and minute. */
  sends_per_pair: number;
  /** Seconds within which an identical text to the same address is rejected; 60 at most. */
  repeat_seconds: number;
  /** Replies in a chain. */
  hops: number;
  /** Wakes per peer and hour. */
  wakes_per_hour: number;
  /** Messages in one mailbox. */
  mailbox_messages: number;
  /** Registered peers in total. */
  peers: number;
}

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;

/** What a sender has sent in the last minute. */
export interface RecentSends {
  all: number;
  /** Of these, to the same peer or pool. */
  same: number;
  /** When an identical text last went there, milliseconds since 1970. */
  repeated_at: number | null;
}

export interface TrippedGuard {
  guard: "repeat" | "sender" | "pair" | "hops";
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
  const over = (count: number, limit: number): boolean => limit > 0 && count >= limit;
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
      message: `You sent ${sent.all} messages within a minute; nothing more was sent.`,
      hint: "Wait a minute, then send fewer and longer messages.",
    };
  }
  return undefined;
}

/** Whether a peer may be woken again. `wakes`: its wakes in the last hour. */
export function isWithinWakeLimit(limits: Limits, wakes: number): boolean {
  return limits.wakes_per_hour === 0 || wakes < limits.wakes_per_hour;
}

/** Average for such text. */
const CHARACTERS_PER_TOKEN = 3.5;
/** Overhead of the frame per message. */
const FRAME_CHARACTERS = 200;

/** A rough token count of mail. It excludes the context that a woken model reads again. */
export function estimatedTokens(messages: number, characters: number): number {
  return Math.round((characters + messages * FRAME_CHARACTERS) / CHARACTERS_PER_TOKEN);
}
