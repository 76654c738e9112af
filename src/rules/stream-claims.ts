/**
 * Claims that the broker makes for a session and sends over its event stream. A stream can break with an answer in it, so the
 * broker remembers what it sent until the session says how many answers came. Only the session knows that.
 */
import type { Claim } from "./delivery.ts";

/** What a session says of one of its streams: how many answers came, and whether more can come. */
export interface StreamReport {
  id: string;
  received: number;
  open: boolean;
  /** What was sent after that and has not come is to be queued again: it will be ignored when it comes. */
  recall?: boolean | undefined;
}

export interface SentClaim extends Claim {
  /** Whether the mail was marked as redelivered before this claim. */
  marked: boolean;
}

/** One answer. The answers of a stream are numbered from 1. */
interface Sent {
  stream: string;
  number: number;
  claims: readonly SentClaim[];
}

export interface PeerStream {
  /** The only stream for which claims are made now: the one that was opened last. */
  id: string | null;
  /** How many answers were sent over it. */
  count: number;
  /** Answers of this stream and of earlier ones of which the session has said nothing yet. */
  sent: readonly Sent[];
}

/** Beyond this number the oldest is forgotten: what it claimed lapses like any other claim. */
const MAX_SENT = 8;

export const noStream: PeerStream = { id: null, count: 0, sent: [] };

export const beginStream = (before: PeerStream, id: string): PeerStream => ({ ...before, id, count: 0 });

/** Notes an answer, whose number is the new count. */
export function noteSent(before: PeerStream, claims: readonly SentClaim[]): PeerStream {
  const { id } = before;
  if (id === null) return before;
  const count = before.count + 1;
  return { id, count, sent: [...before.sent, { stream: id, number: count, claims }].slice(-MAX_SENT) };
}

export interface Settled {
  stream: PeerStream;
  /** Claims that certainly never reached the session. */
  missed: SentClaim[];
}

/** The stream has ended, and the broker wrote nothing of the answers after this one. What became of the earlier ones it cannot know. */
export function withdrawSent(before: PeerStream, stream: string, last: number): Settled {
  const isUnwritten = (one: Sent): boolean => one.stream === stream && one.number > last;
  return {
    stream: {
      ...before,
      id: before.id === stream ? null : before.id,
      sent: before.sent.filter((one) => !isUnwritten(one)),
    },
    missed: before.sent.filter(isUnwritten).flatMap(({ claims }) => claims),
  };
}

/** What follows from what a session says of its streams. */
export function settleStreams(before: PeerStream, reports: readonly StreamReport[]): Settled {
  const missed: SentClaim[] = [];
  let { id } = before;
  let sent = before.sent;
  for (const report of reports) {
    const isLater = (one: Sent): boolean => one.stream === report.id && one.number > report.received;
    const isDone = !report.open || report.recall;
    if (isDone) missed.push(...sent.filter(isLater).flatMap(({ claims }) => claims));
    if (!report.open) {
      // From now on nothing can be claimed for it, whatever a broker still believes of the connection.
      if (id === report.id) id = null;
    }
    sent = sent.filter((one) => one.stream !== report.id || (!isDone && isLater(one)));
  }
  const isChanged = id !== before.id || sent.length !== before.sent.length;
  return { stream: isChanged ? { ...before, id, sent } : before, missed };
}
