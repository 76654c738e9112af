/**
 * Publishes hints to the other brokers that share the database, over LISTEN/NOTIFY. Hints are batched: while one batch is
 * being sent, the next one collects. They contain ids only. A lost hint only delays mail: after every reconnect, and every
 * few seconds, a broker queries the database for what its streams may have missed.
 */
import type { Logger } from "pino";
import type { Hint } from "../../operations/core/transaction.ts";
import { revokedAmong } from "../../store/devices.ts";
import type { NotificationListener, Notifications } from "../../store/drivers/postgres-notifications.ts";
import { peersWithMailSince } from "../../store/inbox.ts";
import type { Store } from "../../store/store.ts";
import type { Fanout } from "../streams/fanout.ts";
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

export interface SharedHints {
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
  store: Store;
  clock: FollowedClock;
  /** Sequence numbers follow it. */
  confirmed(): number;
  steady(): number;
  /** Eight hexadecimal characters, unique to this broker. */
  me: string;
  log: Logger;
}

const letters = { mail: "m", peer: "p", revoked: "r" } as const;

const encode = (hint: Hint): string => letters[hint.about] + ("device_id" in hint ? hint.device_id : hint.peer_id);

function decode(text: string): Hint {
  const id = text.slice(1);
  if (text.startsWith("r")) return { device_id: id, about: "revoked" };
  return { peer_id: id, about: text.startsWith("m") ? "mail" : "peer" };
}

const PAYLOAD = /^([0-9a-f]{8})\.(\d+):((?:[mpr][0-9a-f]{32})*)$/;

export function shareHints({ open, events, store, clock, confirmed, steady, me, log }: Sharing): SharedHints {
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

  const notifications = open({
    connected() {
      log.info("connected to the other brokers");
      inFlight.clear();
      othersAt = steady();
      tick(true);
    },
    notified(payload) {
      const [, who, number, hints = ""] = PAYLOAD.exec(payload) ?? [];
      if (who === me) return echo(Number(number));
      if (who !== undefined) othersAt = steady();
      for (const text of hints.match(/.{33}/g) ?? []) {
        received++;
        events.publish(decode(text));
      }
    },
    disconnected(error) {
      echoAt = Number.NEGATIVE_INFINITY;
      if (!closed) log.warn({ err: error }, "disconnected from the other brokers");
    },
  });

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
    void notifications.publish([payload([])]);
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
      if (steady() - othersAt >= PING_TIMEOUT_MS) return;
      batch.add(encode(hint));
      sending ??= sendBatches();
    },
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
