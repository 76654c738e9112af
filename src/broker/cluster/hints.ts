/**
 * Publishes hints to the other brokers that share the database, over LISTEN/NOTIFY. Hints are batched: while one batch is
 * being sent, the next one collects. They contain ids only. A lost hint only delays mail: after every reconnect, and every
 * few seconds, a broker queries the database for what its streams may have missed.
 */
import type { Logger } from "pino";
import type { Hint, OpenClaim } from "../../operations/core/transaction.ts";
import type { Changed } from "../../rules/feed.ts";
import { OPERATOR_NAME } from "../../rules/names.ts";
import { revokedAmong } from "../../store/devices.ts";
import type { NotificationListener, Notifications } from "../../store/drivers/postgres-notifications.ts";
import { peersWithMailSince } from "../../store/inbox.ts";
import type { Store } from "../../store/store.ts";
import type { Fanout } from "../streams/fanout.ts";
import type { Feed, FeedSharing } from "../streams/feed.ts";
import type { FollowedClock } from "./clock.ts";

const CATCH_UP_MS = 5_000;
/** How far each catch-up looks back: longer than its interval, and than a commit takes to become visible. */
const LOOK_BACK_MS = 20_000;
/** A NOTIFY payload has 7,999 bytes at most. */
const HINTS_PER_PAYLOAD = 220;
const IDS_PER_QUERY = 500;
/** While there are many hints, the time from one NOTIFY to the next. */
const PACE_MS = 5;
/**
 * Every broker pings with each catch-up. If our own ping does not come back within this time, hints of others do not arrive
 * either; if no other broker's arrives, there is none that listens.
 */
const PING_TIMEOUT_MS = 12_000;
/** Brokers whose payloads are counted; those that were silent for longest are forgotten. */
const MOST_BROKERS = 1_000;

export interface SharedHints extends FeedSharing {
  publish(hint: Hint): void;
  /** Whether hints of other brokers arrive. */
  isLive(): boolean;
  /** Round-trip time of the last ping to ourselves, in milliseconds; `undefined` before the first. */
  lagMs(): number | undefined;
  /** Number of hints received from other brokers. */
  received(): number;
  close(): Promise<void>;
}

interface Sharing {
  open(listener: NotificationListener): Notifications;
  events: Fanout;
  feed: Pick<Feed, "received" | "lookAgain" | "isRead" | "endDevice">;
  store: Store;
  clock: FollowedClock;
  /** Sequence numbers follow it. */
  confirmed(): number;
  steady(): number;
  /** Eight hexadecimal characters, unique to this broker. */
  me: string;
  log: Logger;
}

/** An open claim concerns only the broker that holds the stream. */
type SharedHint = Exclude<Hint, OpenClaim>;

const letters = { mail: "m", peer: "p", revoked: "r" } as const;
/** Of changes for the feed; `w`: somebody reads the feed of the broker that says so. */
const changeLetters = {
  message: "n",
  receipts: "d",
  peer: "e",
  membership: "k",
  mail: "b",
  pool: "l",
  services: "s",
  attention: "a",
} as const satisfies Record<Changed["what"], string>;
const WATCH = "w".padEnd(33, "0");

/** The operator's id in payloads, where all ids are 32 digits. */
const OPERATOR = "0".repeat(32);

function encode(hint: SharedHint): string {
  const id = "device_id" in hint ? hint.device_id : hint.peer_id;
  return letters[hint.about] + (id === OPERATOR_NAME ? OPERATOR : id);
}

function decode(text: string): SharedHint {
  const given = text.slice(1);
  const id = given === OPERATOR ? OPERATOR_NAME : given;
  if (text.startsWith("r")) return { device_id: id, about: "revoked" };
  return { peer_id: id, about: text.startsWith("m") ? "mail" : "peer" };
}

function encodeChange(changed: Changed): string {
  const id = "seq" in changed ? String(changed.seq) : "id" in changed ? changed.id : "";
  return changeLetters[changed.what] + (id === OPERATOR_NAME ? OPERATOR : id.padStart(32, "0"));
}

function decodeChange(text: string): Changed | undefined {
  const id = text.slice(1);
  switch (text[0]) {
    case changeLetters.message:
      return { what: "message", seq: Number(id) };
    case changeLetters.receipts:
      return { what: "receipts", seq: Number(id) };
    case changeLetters.peer:
      return { what: "peer", id };
    case changeLetters.membership:
      return { what: "membership", id };
    case changeLetters.mail:
      return { what: "mail", id: id === OPERATOR ? OPERATOR_NAME : id };
    case changeLetters.pool:
      return { what: "pool", id };
    case changeLetters.services:
      return { what: "services" };
    case changeLetters.attention:
      return { what: "attention" };
    default:
      return undefined;
  }
}

const PAYLOAD = /^([0-9a-f]{8})\.(\d+):((?:[mprndekblsaw][0-9a-f]{32})*)$/;

export function shareHints({ open, events, feed, store, clock, confirmed, steady, me, log }: Sharing): SharedHints {
  let batch = new Set<string>();
  let sending: Promise<void> | undefined;
  let sent = 0;
  let received = 0;
  /** Send times of our payloads that have not come back yet, by number. */
  const inFlight = new Map<number, number>();
  let lag: number | undefined;
  let echoAt = Number.NEGATIVE_INFINITY;
  /** When another broker was last heard, or could have been there unheard. */
  let othersAt = steady();
  /** How far the last catch-up came, in milliseconds since 1970. */
  let caughtUpTo = Number.POSITIVE_INFINITY;
  let catchingUp: Promise<void> | undefined;
  let closed = false;
  /** The number of the last payload of each broker. */
  const lastNumbers = new Map<string, number>();
  /** When another broker said last that somebody reads its feed. */
  let watchedAt = Number.NEGATIVE_INFINITY;

  const notifications = open({
    connected() {
      log.info("connected to the other brokers");
      inFlight.clear();
      othersAt = steady();
      feed.lookAgain();
      tick(true);
    },
    notified(payload) {
      const [, who, number, hints = ""] = PAYLOAD.exec(payload) ?? [];
      if (who === me) return echo(Number(number));
      if (who !== undefined) {
        othersAt = steady();
        noteNumber(who, Number(number));
      }
      for (const text of hints.match(/.{33}/g) ?? []) {
        if (text === WATCH) watchedAt = steady();
        if (!/^[mpr]/.test(text)) {
          const changed = decodeChange(text);
          if (changed) feed.received(changed);
          continue;
        }
        received++;
        const hint = decode(text);
        if (hint.about === "revoked") feed.endDevice(hint.device_id);
        events.publish(hint);
      }
    },
    disconnected(error) {
      echoAt = Number.NEGATIVE_INFINITY;
      if (!closed) log.warn({ err: error }, "disconnected from the other brokers");
    },
  });

  /** A broker that is new here, or whose payloads got lost, may have done what our readers were not told. */
  function noteNumber(who: string, number: number): void {
    const isNext = lastNumbers.get(who) === number - 1;
    lastNumbers.delete(who);
    lastNumbers.set(who, number);
    const [oldest] = lastNumbers.keys();
    if (lastNumbers.size > MOST_BROKERS && oldest !== undefined) lastNumbers.delete(oldest);
    if (isNext || !feed.isRead()) return;
    send(WATCH);
    feed.lookAgain();
  }

  function echo(number: number): void {
    const sentAt = inFlight.get(number);
    if (sentAt === undefined) return;
    inFlight.delete(number);
    echoAt = steady();
    lag = echoAt - sentAt;
  }

  function payload(hints: readonly string[]): string {
    sent++;
    inFlight.set(sent, steady());
    return `${me}.${sent}:${hints.join("")}`;
  }

  async function sendBatches(): Promise<void> {
    // Wait for further hints of this turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    while (batch.size > 0) {
      const all = [...batch];
      batch = new Set();
      const payloads = [];
      for (let i = 0; i < all.length; i += HINTS_PER_PAYLOAD)
        payloads.push(payload(all.slice(i, i + HINTS_PER_PAYLOAD)));
      const begin = steady();
      await notifications.publish(payloads);
      const rest = PACE_MS - (steady() - begin);
      if (batch.size > 0 && rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
    }
    sending = undefined;
  }

  function send(hint: string): void {
    batch.add(hint);
    sending ??= sendBatches();
  }

  /** Queries for what our streams may have missed: recently or, after a reconnect, at any time. */
  async function catchUp(everything: boolean): Promise<void> {
    const now = Math.min(clock.now(), confirmed());
    // From the last catch-up on: others do not notify a broker that was silent for long (it slept, or was stopped).
    const since = everything ? 0 : (Math.min(now, caughtUpTo) - LOOK_BACK_MS) * 1000;
    const { peers, devices } = events.listeners();
    for (let i = 0; i < peers.length; i += IDS_PER_QUERY) {
      const some = peers.slice(i, i + IDS_PER_QUERY);
      for (const peer_id of await store.read((sql) => peersWithMailSince(sql, some, since)))
        events.publish({ peer_id, about: "mail" });
    }
    for (let i = 0; i < devices.length; i += IDS_PER_QUERY) {
      const some = devices.slice(i, i + IDS_PER_QUERY);
      for (const device_id of await store.read((sql) => revokedAmong(sql, some)))
        events.publish({ device_id, about: "revoked" });
    }
    caughtUpTo = now;
  }

  async function readClock(): Promise<void> {
    const before = steady();
    const time = await notifications.time();
    const after = steady();
    if (time !== undefined) clock.read(time, before, after);
  }

  function tick(everything: boolean): void {
    void readClock();
    // Ping ourselves: if it comes back, silence means no news, not a dead listener.
    void notifications.publish([payload(feed.isRead() ? [WATCH] : [])]);
    const before = catchingUp;
    catchingUp = (async () => {
      await before;
      if (!closed) await catchUp(everything);
    })().catch((error: unknown) => log.warn({ err: error }, "could not query for missed hints"));
  }

  const timer = setInterval(() => tick(false), CATCH_UP_MS);
  timer.unref();

  return {
    publish(hint) {
      events.publish(hint);
      // A NOTIFY costs the database as much as a small transaction.
      if (hint.about === "claim" || steady() - othersAt >= PING_TIMEOUT_MS) return;
      send(encode(hint));
    },
    isWatched: () => steady() - watchedAt < PING_TIMEOUT_MS,
    share: (changed) => send(encodeChange(changed)),
    watch: () => send(WATCH),
    isLive: () => steady() - echoAt < PING_TIMEOUT_MS,
    lagMs: () => lag,
    received: () => received,
    async close() {
      closed = true;
      clearInterval(timer);
      await sending;
      await catchingUp;
      await notifications.close();
    },
  };
}
