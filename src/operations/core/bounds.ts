/**
 * Upper bounds of what limits count: what peers sent within the last minute, and the mail that waits for them. While a bound is
 * below the limit, the database need not be asked for the exact count, which costs more the more there is to count.
 *
 * A bound may be too high (after a rollback, or when mail was read since): then the exact count decides and replaces it. It is
 * never too low, because everything that adds to a count adds to its bound first. So only a broker that is alone with its
 * database can have bounds.
 */
import { SKEW_MS } from "../../rules/presence.ts";
import type { Backlog } from "../../rules/quotas.ts";
import { createSeenTexts } from "./seen-texts.ts";

/** Beyond so many peers, the one that was inactive for the longest time is forgotten: its bound is unknown. */
const MAX_PEERS = 10_000;

/** What was sent in one period counts until the end of the next one: at least for the minute that the guards look at. */
const PERIOD_MS = 60_000 + SKEW_MS;

/** What a peer sent within the last minute. */
interface Sent {
  /** With what it caused the broker to report. */
  charges: number;
  messages: number;
}

export interface SentText {
  target: string;
  text: string;
}

export interface Bounds {
  /** `undefined`: unknown. */
  sent(peerId: string, now: number): Sent | undefined;
  /** False: a peer whose bound is known has not sent this within the last minute. */
  mayHaveSent(peerId: string, what: SentText, now: number): boolean;
  /** Replaces the bound by an exact count. `texts`: all that the count contains, if the bound was unknown. */
  setSent(peerId: string, exact: Sent, texts: readonly SentText[], now: number): void;
  /** Adds a message of a peer (`what`), or a report that it caused. */
  addSent(peerId: string, charge: number, what: SentText | undefined, now: number): void;
  /** `undefined`: unknown. */
  waiting(peerId: string): Backlog | undefined;
  setWaiting(peerId: string, exact: Backlog): void;
  addWaiting(peerId: string, characters: number): void;
  /** Makes both bounds of a peer unknown. */
  forget(peerId: string): void;
}

interface SentEntry {
  /** The number of the period that `current` counts. */
  period: number;
  current: Sent;
  previous: Sent;
}

const NOTHING: Sent = { charges: 0, messages: 0 };

/**
 * The same bounds for one transaction. Its counts may contain what a rollback undoes, so after one, each peer in `counted` must be
 * forgotten.
 */
export function boundsOfTransaction(bounds: Bounds, counted: Set<string>): Bounds {
  return {
    ...bounds,
    setSent(peerId, ...exact) {
      counted.add(peerId);
      bounds.setSent(peerId, ...exact);
    },
    setWaiting(peerId, exact) {
      counted.add(peerId);
      bounds.setWaiting(peerId, exact);
    },
  };
}

export function createBounds(): Bounds {
  const senders = new Map<string, SentEntry>();
  const mailboxes = new Map<string, Backlog>();
  let period = 0;
  let began = Number.NEGATIVE_INFINITY;
  let texts = createSeenTexts();
  let earlierTexts = createSeenTexts();

  /** Begins the period of `now`. When the clock was set back, what was counted before is unknown. */
  function turnTo(now: number): void {
    if (now >= began && now - began < PERIOD_MS) return;
    if (now < began) senders.clear();
    const isNext = now >= began && now - began < 2 * PERIOD_MS;
    [texts, earlierTexts] = [earlierTexts, texts];
    texts.clear();
    if (!isNext) earlierTexts.clear();
    period += isNext ? 1 : 2;
    began = now;
  }

  function entryOf(peerId: string, now: number): SentEntry | undefined {
    turnTo(now);
    const entry = senders.get(peerId);
    if (!entry || entry.period === period) return entry;
    entry.previous = entry.period === period - 1 ? entry.current : NOTHING;
    entry.current = NOTHING;
    entry.period = period;
    return entry;
  }

  return {
    sent(peerId, now) {
      const entry = entryOf(peerId, now);
      return entry && sum(entry.current, entry.previous);
    },
    mayHaveSent(peerId, { target, text }, now) {
      turnTo(now);
      return texts.mayHave(peerId, target, text) || earlierTexts.mayHave(peerId, target, text);
    },
    setSent(peerId, exact, sentTexts, now) {
      turnTo(now);
      for (const { target, text } of sentTexts) texts.add(peerId, target, text);
      put(senders, peerId, { period, current: exact, previous: NOTHING });
    },
    addSent(peerId, charge, what, now) {
      const entry = entryOf(peerId, now);
      // Its first exact count will contain this.
      if (!entry) return;
      entry.current = sum(entry.current, { charges: charge, messages: what ? 1 : 0 });
      if (what) texts.add(peerId, what.target, what.text);
      put(senders, peerId, entry);
    },
    waiting: (peerId) => mailboxes.get(peerId),
    setWaiting: (peerId, exact) => put(mailboxes, peerId, exact),
    addWaiting(peerId, characters) {
      const box = mailboxes.get(peerId);
      if (!box) return;
      put(mailboxes, peerId, { messages: box.messages + 1, characters: box.characters + characters });
    },
    forget(peerId) {
      senders.delete(peerId);
      mailboxes.delete(peerId);
    },
  };
}

const sum = (a: Sent, b: Sent): Sent => ({ charges: a.charges + b.charges, messages: a.messages + b.messages });

/** Moves the peer to the end, so that the first one is the one that was inactive for the longest time. */
function put<T>(all: Map<string, T>, peerId: string, value: T): void {
  all.delete(peerId);
  all.set(peerId, value);
  if (all.size <= MAX_PEERS) return;
  const [oldest] = all.keys();
  if (oldest !== undefined) all.delete(oldest);
}
