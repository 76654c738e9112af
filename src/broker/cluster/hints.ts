/**
 * Hints between brokers that share a database. What one of them has to say goes out in batches, as many in one as came
 * while the last was on its way, with ids alone in it. A hint that is lost is only late: after every reconnection, and
 * every few seconds besides, a broker looks for what the streams that it holds may have missed.
 */
import type { Logger } from "pino";
import type { Hint } from "../../operations/core/transaction.ts";
import { revokedAmong } from "../../store/devices.ts";
import type { Wire, WireListener } from "../../store/drivers/postgres-wire.ts";
import { peersWithMailSince } from "../../store/inbox.ts";
import type { Store } from "../../store/store.ts";
import type { Fanout } from "../http/events.ts";
import type { FollowedClock } from "./clock.ts";

const LOOK_EVERY_MS = 5_000;
/** What was sent within this time is looked for each time: longer than a look takes to come round, and a commit to be seen. */
const LOOK_BACK_MS = 20_000;
/** A payload has 7,999 bytes at the most. */
const HINTS_PER_PAYLOAD = 220;
const IDS_PER_LOOK = 500;
/** Our own voice must come back within this time, else what others say does not reach us either. */
const DEAF_AFTER_MS = 12_000;

export interface SharedHints {
  publish(hint: Hint): void;
  /** Whether other brokers' hints reach us. */
  isLive(): boolean;
  /** How long our own voice last took to come back, in milliseconds; `undefined`: it never has. */
  lagMs(): number | undefined;
  /** How many hints of others reached us. */
  heard(): number;
  close(): Promise<void>;
}

export interface Sharing {
  open(listener: WireListener): Wire;
  events: Fanout;
  store: Store;
  clock: FollowedClock;
  steady(): number;
  /** Eight hexadecimal characters that no other broker has. */
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

export function shareHints({ open, events, store, clock, steady, me, log }: Sharing): SharedHints {
  let waiting = new Set<string>();
  let saying: Promise<void> | undefined;
  let count = 0;
  let heard = 0;
  /** What we said and have not heard yet: when. */
  const unheard = new Map<number, number>();
  let lag: number | undefined;
  let heardAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;
  let closed = false;

  const wire = open({
    up() {
      log.info("hears other brokers");
      unheard.clear();
      tick(true);
    },
    heard(payload) {
      const [, who, number, hints = ""] = PAYLOAD.exec(payload) ?? [];
      if (who === me) return echo(Number(number));
      for (const text of hints.match(/.{33}/g) ?? []) {
        heard++;
        events.publish(decode(text));
      }
    },
    down(error) {
      heardAt = Number.NEGATIVE_INFINITY;
      if (!closed) log.warn({ err: error }, "does not hear other brokers");
    },
  });

  function echo(number: number): void {
    const said = unheard.get(number);
    if (said === undefined) return;
    unheard.delete(number);
    heardAt = steady();
    lag = heardAt - said;
  }

  function payload(hints: readonly string[]): string {
    count++;
    unheard.set(count, steady());
    return `${me}.${count}:${hints.join("")}`;
  }

  async function sayAll(): Promise<void> {
    // What else this turn of the event loop has to say joins the first batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.size > 0) {
      const all = [...waiting];
      waiting = new Set();
      const payloads = [];
      for (let i = 0; i < all.length; i += HINTS_PER_PAYLOAD)
        payloads.push(payload(all.slice(i, i + HINTS_PER_PAYLOAD)));
      await wire.say(payloads);
    }
    saying = undefined;
  }

  /** Looks for what our streams may have missed: of late, or, after we heard nothing for a while, whenever it was. */
  async function look(everything: boolean): Promise<void> {
    const since = everything ? 0 : (clock.now() - LOOK_BACK_MS) * 1000;
    const { peers, devices } = events.listeners();
    for (let i = 0; i < peers.length; i += IDS_PER_LOOK) {
      const some = peers.slice(i, i + IDS_PER_LOOK);
      for (const peer_id of await store.look((sql) => peersWithMailSince(sql, some, since)))
        events.publish({ peer_id, about: "mail" });
    }
    for (let i = 0; i < devices.length; i += IDS_PER_LOOK) {
      const some = devices.slice(i, i + IDS_PER_LOOK);
      for (const device_id of await store.look((sql) => revokedAmong(sql, some)))
        events.publish({ device_id, about: "revoked" });
    }
  }

  async function readClock(): Promise<void> {
    const before = steady();
    const time = await wire.time();
    const after = steady();
    if (time !== undefined) clock.read(time, before, after);
  }

  function tick(everything: boolean): void {
    void readClock();
    // Hears itself, so that silence of the others means that they are silent.
    void wire.say([payload([])]);
    const before = looking;
    looking = (async () => {
      await before;
      if (!closed) await look(everything);
    })().catch((error: unknown) => log.warn({ err: error }, "could not look for missed hints"));
  }

  const timer = setInterval(() => tick(false), LOOK_EVERY_MS);
  timer.unref();

  return {
    publish(hint) {
      events.publish(hint);
      waiting.add(encode(hint));
      saying ??= sayAll();
    },
    isLive: () => steady() - heardAt < DEAF_AFTER_MS,
    lagMs: () => lag,
    heard: () => heard,
    async close() {
      closed = true;
      clearInterval(timer);
      await saying;
      await looking;
      await wire.close();
    },
  };
}
