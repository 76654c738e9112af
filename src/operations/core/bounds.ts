/**
 * Upper bounds of what limits count: what peers sent within the last minute, the mail that waits for them, and how often mail
 * woke them within the last hour. While a bound is below the limit, the database need not be asked for the exact count, which
 * costs more the more there is to count.
 *
 * A bound may be too high (after a rollback, or when mail was read since): then the exact count decides and replaces it. It is
 * never too low, because everything that adds to a count adds to its bound as well. So only a broker that is alone with its
 * database can have bounds.
 */
import { SKEW_MS } from "../../rules/presence.ts";
import type { Backlog } from "../../rules/quotas.ts";
import { createSeenTexts, type TextKey, textKey } from "./seen-texts.ts";

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

/** The bounds as one transaction sees them. */
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
  /** Wakes within the last hour; `undefined`: unknown. */
  wakes(peerId: string, now: number): number | undefined;
  setWakes(peerId: string, exact: number, now: number): void;
  addWake(peerId: string): void;
  /** Makes all bounds of a peer unknown. */
  forget(peerId: string): void;
}

/** A count may contain changes that are not committed yet, so until it is settled, only its own transaction uses it. */
export interface OpenBounds extends Bounds {
  /** After the commit. */
  settle(): void;
  /** After a rollback: what was counted is unknown. */
  drop(): void;
}

interface Entry<T> {
  bound: T;
  /** The transaction that counted it, until it has ended. */
  of: symbol | undefined;
}

interface Periods {
  /** The number of the period that `current` counts. */
  period: number;
  current: Sent;
  previous: Sent;
}

const NOTHING: Sent = { charges: 0, messages: 0 };

/** Returns a function that opens the bounds for a transaction. */
export function createBounds(): () => OpenBounds {
  const senders = new Map<string, Entry<Periods>>();
  const mailboxes = new Map<string, Entry<Backlog>>();
  const woken = new Map<string, Entry<number>>();
  let period = 0;
  let began = Number.NEGATIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  let texts = createSeenTexts();
  let earlierTexts = createSeenTexts();

  /** The clock was set back: what left the last minute may be in it again, and what was sent later comes into it. */
  const isBehind = (now: number): boolean => now < highest;

  /** Begins the period of `now`. While the clock is behind, nothing is known. */
  function turnTo(now: number): void {
    highest = Math.max(highest, now);
    if (isBehind(now)) {
      senders.clear();
      woken.clear();
    }
    if (now >= began && now - began < PERIOD_MS) return;
    const isNext = now >= began && now - began < 2 * PERIOD_MS;
    [texts, earlierTexts] = [earlierTexts, texts];
    texts.clear();
    if (!isNext) earlierTexts.clear();
    period += isNext ? 1 : 2;
    began = now;
  }

  function inThisPeriod({ period: counted, current, previous }: Periods): Periods {
    if (counted === period) return { period, current, previous };
    return { period, current: NOTHING, previous: counted === period - 1 ? current : NOTHING };
  }

  return () => {
    /** The text that was asked for last in this transaction, which is the one that is sent then: hashing is most of the work. */
    let asked: (SentText & { peerId: string; key: TextKey }) | undefined;
    function keyOf(peerId: string, { target, text }: SentText): TextKey {
      if (asked?.peerId !== peerId || asked.target !== target || asked.text !== text)
        asked = { peerId, target, text, key: textKey(peerId, target, text) };
      return asked.key;
    }
    const me = Symbol();
    const counted = new Set<string>();
    const isKnown = (entry: Entry<unknown>): boolean => entry.of === undefined || entry.of === me;
    return {
      sent(peerId, now) {
        turnTo(now);
        const entry = senders.get(peerId);
        if (!entry || !isKnown(entry)) return undefined;
        const { current, previous } = inThisPeriod(entry.bound);
        return sum(current, previous);
      },
      mayHaveSent(peerId, what, now) {
        turnTo(now);
        const key = keyOf(peerId, what);
        return texts.mayHave(key) || earlierTexts.mayHave(key);
      },
      setSent(peerId, exact, sentTexts, now) {
        turnTo(now);
        counted.add(peerId);
        for (const { target, text } of sentTexts) texts.add(textKey(peerId, target, text));
        if (isBehind(now)) return;
        put(senders, peerId, { bound: { period, current: exact, previous: NOTHING }, of: me });
      },
      addSent(peerId, charge, what, now) {
        turnTo(now);
        const entry = senders.get(peerId);
        // Its first exact count will contain this.
        if (!entry) return;
        const { current, previous } = inThisPeriod(entry.bound);
        const more = sum(current, { charges: charge, messages: what ? 1 : 0 });
        if (what) texts.add(keyOf(peerId, what));
        put(senders, peerId, { ...entry, bound: { period, current: more, previous } });
      },
      waiting(peerId) {
        const entry = mailboxes.get(peerId);
        return entry && isKnown(entry) ? entry.bound : undefined;
      },
      setWaiting(peerId, exact) {
        counted.add(peerId);
        put(mailboxes, peerId, { bound: exact, of: me });
      },
      addWaiting(peerId, characters) {
        const entry = mailboxes.get(peerId);
        if (!entry) return;
        const { bound } = entry;
        const more = { messages: bound.messages + 1, characters: bound.characters + characters };
        put(mailboxes, peerId, { ...entry, bound: more });
      },
      wakes(peerId, now) {
        turnTo(now);
        const entry = woken.get(peerId);
        return entry && isKnown(entry) ? entry.bound : undefined;
      },
      setWakes(peerId, exact, now) {
        turnTo(now);
        if (isBehind(now)) return;
        counted.add(peerId);
        put(woken, peerId, { bound: exact, of: me });
      },
      addWake(peerId) {
        const entry = woken.get(peerId);
        if (entry) put(woken, peerId, { ...entry, bound: entry.bound + 1 });
      },
      forget(peerId) {
        senders.delete(peerId);
        mailboxes.delete(peerId);
        woken.delete(peerId);
      },
      settle() {
        for (const peerId of counted)
          for (const entries of [senders, mailboxes, woken]) {
            const entry = entries.get(peerId);
            if (entry?.of === me) entry.of = undefined;
          }
      },
      drop() {
        for (const peerId of counted)
          for (const entries of [senders, mailboxes, woken]) if (entries.get(peerId)?.of === me) entries.delete(peerId);
      },
    };
  };
}

const sum = (a: Sent, b: Sent): Sent => ({ charges: a.charges + b.charges, messages: a.messages + b.messages });

/**
 * Moves the peer to the end, so that the first one is the one that was inactive for the longest time. While there is room for
 * many more, the order does not matter yet, and to move an entry costs microseconds.
 */
function put<T>(all: Map<string, T>, peerId: string, value: T): void {
  if (all.size > MAX_PEERS / 2) all.delete(peerId);
  all.set(peerId, value);
  if (all.size <= MAX_PEERS) return;
  const [oldest] = all.keys();
  if (oldest !== undefined) all.delete(oldest);
}
