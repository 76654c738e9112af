/**
 * Guards against loops and burning: on by default, and never silent. The sender is told at once, the operator once in a
 * while. A limit of 0 is none.
 */

export interface Limits {
  /** Messages of one peer within a minute. */
  sends_per_minute: number;
  /** Messages of one peer to one address within a minute. */
  sends_per_pair: number;
  /** Seconds within which the very same text is not sent to the same address again; a minute at the most. */
  repeat_seconds: number;
  /** Replies in one chain. */
  hops: number;
  /** How often one peer is woken within an hour. */
  wakes_per_hour: number;
  /** Messages that wait for one peer. */
  mailbox_messages: number;
  /** Peers that are registered in all. */
  peers: number;
}

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;

/** What a sender has sent within the last minute. */
export interface RecentSends {
  all: number;
  /** Of these, to the same peer or pool. */
  same: number;
  /** When the very same text went there last. */
  repeated_at: number | null;
}

export interface TrippedGuard {
  trippedGuard: "repeat" | "sender" | "pair" | "hops";
  /** What is wrong, and what to do. */
  message: string;
  hint: string;
}

/** The guard that a message trips, if any. `to`: the address as the sender wrote it; `hops`: replies before it in its chain. */
export function guard(
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
      trippedGuard: "repeat",
      message: `You sent the very same text to ${to} ${ago} s ago; it was not sent again.`,
      hint: "It is kept and will be read: wait for the answer. If it must be said again, say it in other words.",
    };
  }
  if (over(hops, limits.hops)) {
    return {
      trippedGuard: "hops",
      message: `This chain of replies has ${hops} messages; that looks like a loop, and nothing was sent.`,
      hint: "Stop, and ask your user. If the matter is a new one, write without reply_to.",
    };
  }
  if (over(sent.same, limits.sends_per_pair)) {
    return {
      trippedGuard: "pair",
      message: `You sent ${sent.same} messages to ${to} within a minute; nothing more was sent.`,
      hint: "Wait a minute, and put what you have to say into one message.",
    };
  }
  if (over(sent.all, limits.sends_per_minute)) {
    return {
      trippedGuard: "sender",
      message: `You sent ${sent.all} messages within a minute; nothing more was sent.`,
      hint: "Wait a minute, and send fewer, longer messages.",
    };
  }
  return undefined;
}

/** Whether a peer that was woken so often within the last hour may be woken again. */
export function isWithinWakeLimit(limits: Limits, wakes: number): boolean {
  return limits.wakes_per_hour === 0 || wakes < limits.wakes_per_hour;
}

/** Characters of such text that make about one token. */
const CHARACTERS_PER_TOKEN = 3.5;
/** What the frame adds to a message. */
const FRAME_CHARACTERS = 200;

/** What a model was given, in tokens, roughly: the mail alone, not the context that a woken turn reads again. */
export function estimatedTokens(messages: number, characters: number): number {
  return Math.round((characters + messages * FRAME_CHARACTERS) / CHARACTERS_PER_TOKEN);
}
