/** Notifications, from the need in the store to the receiver: a real HTTP server, and a clock that the test sets. */
import { createHmac, randomBytes } from "node:crypto";
import { pino } from "pino";
import { beforeEach, describe, expect, test } from "vitest";
import { planOf } from "../../src/broker/notify/channels.ts";
import { createNotifier, type Notifier } from "../../src/broker/notify/notifier.ts";
import type { OutputOf } from "../../src/operations/index.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { atEnd } from "../support/cleanup.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { tempHome } from "../support/folders.ts";
import type { TestPeer } from "../support/peers.ts";
import { type Receiver, startReceiver } from "../support/receiver.ts";
import { until } from "../support/wait.ts";
import { testWorld } from "../support/world.ts";

const SECRET = randomBytes(32).toString("base64");
const TEXT = "Which port, 7888?";
const MINUTE = 60_000;

let works: Clockwork;
let receiver: Receiver;
let ann: TestPeer;
let bob: TestPeer;
let log: string[];
beforeEach(async () => {
  works = await openClockwork();
  receiver = await startReceiver();
  [ann, bob] = [await works.newPeer("ann"), await works.newPeer("bob")];
  log = [];
});

/** A broker's notifier with these settings besides a webhook. */
function notifier(settings: Record<string, string> = {}): Notifier {
  const env = {
    CCT_HOME: tempHome(),
    CCT_NOTIFY_WEBHOOK: receiver.url,
    CCT_NOTIFY_WEBHOOK_SECRET: SECRET,
    CCT_NOTIFY_AFTER_SECONDS: "0",
    ...settings,
  };
  const plan = planOf(loadConfig(testWorld(env)), { username: "eve", hostname: "studio" });
  if (!plan) throw new Error("no channel");
  works.environment.notifying = plan.shown;
  const toLog = pino({}, { write: (line: string) => void log.push(line) });
  const made = createNotifier({ environment: works.environment, plan, isOurTurn: async () => true, log: toLog });
  atEnd(() => made.stop());
  return made;
}

/** The broker looks, and sends what it found. */
async function tick(one: Notifier): Promise<void> {
  await one.tick();
  await one.tick();
}

const ask = (as: TestPeer, text = TEXT) => works.call("send_message", { to: "operator", text }, as);
const block = (peer: TestPeer, presence: "blocked" | "active" = "blocked") =>
  works.call("heartbeat", { host_pid: peer.place.host_pid, held: [], presence }, peer);
const bodies = () => receiver.received.map(({ body }) => JSON.parse(body));
const channel = async (): Promise<OutputOf<"notify_status">["channels"][number] | undefined> =>
  (await works.call("notify_status", {})).channels[0];

/** As the receivers' libraries check it (Standard Webhooks). */
function isSigned({ headers, body }: Receiver["received"][number]): boolean {
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const mac = createHmac("sha256", Buffer.from(SECRET, "base64")).update(signed).digest("base64");
  return headers["webhook-signature"] === `v1,${mac}`;
}

describe("a webhook", () => {
  test("is told of a need once, signed, and nothing of the message's text", async () => {
    const one = notifier();
    await ask(ann);
    await tick(one);
    works.setOn(10 * MINUTE);
    await tick(one);
    expect(bodies()).toEqual([
      {
        kind: "question",
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        at: works.now() - 10 * MINUTE,
        sentence: "ann wrote to you",
        count: 1,
        needs: [
          {
            kind: "question",
            need_id: expect.stringMatching(/^question\./),
            at: expect.any(Number),
            sentence: "ann wrote to you",
          },
        ],
        machine: "studio",
        broker: "eve@studio",
      },
    ]);
    expect(receiver.received.map(isSigned)).toEqual([true]);
    expect(JSON.stringify(receiver.received)).not.toContain("7888");
  });

  test("is told the beginning of the text where that is asked for", async () => {
    const one = notifier({ CCT_NOTIFY_TEXT: "true" });
    await ask(ann);
    await tick(one);
    expect(bodies()).toMatchObject([{ sentence: `ann asks you: ${TEXT}`, needs: [{ detail: TEXT }] }]);
  });

  test("is told no key and no password, also where texts are asked for", async () => {
    const one = notifier({ CCT_NOTIFY_TEXT: "true" });
    await ask(ann, `May I use ghp_${"k3Yq".repeat(9)}?`);
    await tick(one);
    expect(bodies()).toMatchObject([{ needs: [{ detail: "hidden: may contain a secret" }] }]);
    expect(receiver.received[0]?.body).not.toContain("k3Yq");
  });

  test("is tried at once by a broker that begins with another address, not after the pauses of the old one", async () => {
    const one = notifier();
    await ask(ann);
    receiver.status = 503;
    for (let i = 0; i < 6; i++) {
      await tick(one);
      works.setOn(MINUTE);
    }
    const { attempts = 0 } = (await channel()) ?? {};
    expect(attempts).toBeGreaterThan(2);
    const right = await startReceiver();
    await tick(notifier({ CCT_NOTIFY_WEBHOOK: right.url }));
    expect(JSON.parse(right.received[0]?.body ?? "")).toMatchObject({ sentence: "ann wrote to you" });
    expect(await channel()).toMatchObject({ state: "idle", attempts: 1 });
  });

  test("gets many needs at once as one notification, and what comes within a minute as the next", async () => {
    const one = notifier();
    for (let i = 0; i < 11; i++) await ask(ann, `Question ${i}?`);
    await block(bob);
    await tick(one);
    await ask(bob);
    await tick(one);
    expect(bodies()).toMatchObject([{ kind: "several", sentence: "12 things need you", count: 12 }]);
    works.setOn(MINUTE);
    await tick(one);
    expect(bodies().slice(1)).toMatchObject([{ kind: "question", sentence: "bob wrote to you" }]);
  });

  test("that fails is tried again with the same id, and told only what still needs somebody", async () => {
    const one = notifier();
    await ask(ann);
    const { message_id } = await ask(bob);
    receiver.status = 503;
    await tick(one);
    expect(await channel()).toMatchObject({ state: "trying", attempts: 1, error: "HTTP 503" });
    await works.call("send_message", { reply_to: message_id, text: "7888" });
    receiver.status = 204;
    works.setOn(11_000);
    await tick(one);
    expect(await channel()).toMatchObject({ state: "idle", attempts: 2, sent_at: works.now() });
    const [first, second] = bodies();
    expect([first.count, second.count, second.sentence]).toEqual([2, 1, "ann wrote to you"]);
    expect(second.id).toBe(first.id);
    const times = receiver.received.map(({ headers }) => Number(headers["webhook-timestamp"]));
    expect(times).toEqual([Math.floor(works.now() / 1000) - 11, Math.floor(works.now() / 1000)]);
    expect(receiver.received.every(isSigned)).toBe(true);
  });

  test("that fails for long is given up with a line in the log, which has no secret; the next need is told", async () => {
    const one = notifier();
    await ask(ann);
    receiver.isBroken = true;
    for (let i = 0; i < 30; i++) {
      await tick(one);
      works.setOn(MINUTE);
    }
    const way = await channel();
    expect(way).toMatchObject({
      state: "failed",
      attempts: 8,
      error: "ECONNRESET",
      place: new URL(receiver.url).host,
    });
    expect(log).toHaveLength(1);
    expect(log[0]).toContain("given up");
    for (const secret of ["topic-Zm9v", SECRET.slice(0, 20)])
      expect(`${log} ${JSON.stringify(way)}`).not.toContain(secret);
    const again = await startReceiver();
    const elsewhere = notifier({ CCT_NOTIFY_WEBHOOK: again.url });
    await tick(elsewhere);
    expect(again.received).toEqual([]);
    await ask(bob);
    await tick(elsewhere);
    expect(JSON.parse(again.received[0]?.body ?? "")).toMatchObject({ sentence: "bob wrote to you" });
    expect(await channel()).toMatchObject({ state: "idle" });
  });

  test("that was given up is well after a test has arrived, and after a need that went by itself", async () => {
    const one = notifier();
    const { message_id } = await ask(ann);
    receiver.status = 503;
    await tick(one);
    await works.call("send_message", { reply_to: message_id, text: "7888" });
    works.setOn(MINUTE);
    await tick(one);
    expect(await channel()).toMatchObject({ state: "idle" });
    await ask(bob);
    for (let i = 0; i < 30; i++) {
      await tick(one);
      works.setOn(MINUTE);
    }
    expect(await channel()).toMatchObject({ state: "failed", error: "HTTP 503" });
    receiver.status = 204;
    await works.call("notify_test", {});
    await tick(one);
    const way = await channel();
    expect(way?.state).toBe("idle");
    expect(way).not.toHaveProperty("error");
  });

  test("gets the next one as a new one: what was wrong with the last one is not said of it", async () => {
    const one = notifier();
    receiver.status = 503;
    await works.call("notify_test", {});
    await tick(one);
    await works.call("notify_test", {});
    const [test] = (await works.call("notify_status", {})).tests;
    expect(test).toMatchObject({ state: "waiting", attempts: 0 });
    expect(test).not.toHaveProperty("error");
  });

  test("is told again at once when the clock was ahead and is right again", async () => {
    const one = notifier();
    const ahead = 3 * 3_600_000;
    await ask(ann);
    works.setOn(ahead);
    receiver.status = 503;
    await tick(one);
    works.setOn(-ahead);
    receiver.status = 204;
    await tick(one);
    expect(await channel()).toMatchObject({ state: "idle", attempts: 2 });
    expect(bodies()).toHaveLength(2);
  });

  test("is not followed to where it redirects", async () => {
    const one = notifier();
    await ask(ann);
    receiver.status = 307;
    await tick(one);
    expect(receiver.received.map(({ path }) => path)).toEqual(["/topic-Zm9v"]);
    expect((await channel())?.error).toContain("HTTP 307: a redirect");
  });

  test("is told a block again when the session is blocked again, not while it stays so", async () => {
    const one = notifier();
    await block(ann);
    await tick(one);
    for (let i = 0; i < 20; i++) {
      works.setOn(10_000);
      await block(ann);
      await tick(one);
    }
    await block(ann, "active");
    await tick(one);
    expect(receiver.received).toHaveLength(1);
    await block(ann);
    await tick(one);
    expect(bodies()[1]).toMatchObject({ kind: "blocked", sentence: "ann waits for your permission" });
  });

  test("is not told what is over soon, nor kinds that are not asked for, nor a vote with time left", async () => {
    const one = notifier({ CCT_NOTIFY_AFTER_SECONDS: "30", CCT_NOTIFY_KINDS: "blocked,vote" });
    await ask(ann);
    await block(ann);
    await works.call("create_pool", { name: "front", purpose: "x" }, ann);
    await works.call("invite_to_pool", { pool: "front", peer: "bob" }, ann);
    works.setOn(700_000);
    for (const peer of [ann, bob]) await block(peer, "active");
    await works.call("propose_release", { pool: "front", peer: "bob", reason: "done", deadline_seconds: 600 }, ann);
    await block(bob);
    await tick(one);
    works.setOn(20_000);
    await block(bob, "active");
    works.setOn(20_000);
    await tick(one);
    expect(receiver.received).toEqual([]);
    works.setOn(5 * MINUTE);
    await tick(one);
    expect(bodies()).toMatchObject([{ kind: "vote", sentence: "Vote in @front: release bob?" }]);
  });

  test("is told after quiet hours what still needs somebody", async () => {
    // The test's clock begins at 08:00 in this zone.
    const one = notifier({ CCT_NOTIFY_QUIET: "07:30-09:00 UTC" });
    await ask(ann);
    const { message_id } = await ask(bob);
    await tick(one);
    await works.call("send_message", { reply_to: message_id, text: "7888" });
    works.setOn(59 * MINUTE);
    await tick(one);
    expect(receiver.received).toEqual([]);
    works.setOn(MINUTE);
    await tick(one);
    expect(bodies()).toMatchObject([{ sentence: "ann wrote to you" }]);
  });

  test("that failed is tried again after quiet hours, a test in them", async () => {
    // The test's clock begins at 08:00 in this zone.
    const one = notifier({ CCT_NOTIFY_QUIET: "08:01-09:00 UTC" });
    await ask(ann);
    receiver.status = 503;
    await tick(one);
    receiver.status = 204;
    works.setOn(2 * MINUTE);
    await tick(one);
    await works.call("notify_test", {});
    await tick(one);
    expect(bodies().map(({ kind }) => kind)).toEqual(["question", "test"]);
    works.setOn(58 * MINUTE);
    await tick(one);
    expect(bodies().map(({ kind }) => kind)).toEqual(["question", "test", "question"]);
  });

  test("is not told again after a restart, also not when the session is heard again only later", async () => {
    await block(ann);
    await tick(notifier());
    expect(receiver.received).toHaveLength(1);
    const restarted = notifier();
    works.setOn(2 * 3_600_000);
    await tick(restarted);
    await block(ann);
    await tick(restarted);
    expect(receiver.received).toHaveLength(1);
  });

  test("is told by another broker, with the same id, when one ends while it sends", async () => {
    receiver.isSilent = true;
    const ends = notifier();
    await ask(ann);
    const sending: Promise<void>[] = [];
    await until("it is sent", () => {
      sending.push(ends.tick());
      return receiver.received.length === 1;
    });
    await ends.stop();
    await Promise.all(sending);
    receiver.isSilent = false;
    const other = notifier();
    await tick(other);
    expect(receiver.received).toHaveLength(1);
    works.setOn(30_000);
    await tick(other);
    const [first, second] = bodies();
    expect(second).toEqual(first);
    expect(await channel()).toMatchObject({ state: "idle", attempts: 2 });
  });

  test("of two brokers at once gets one notification", async () => {
    const brokers = [notifier(), notifier(), notifier()];
    await ask(ann);
    for (let i = 0; i < 3; i++) await Promise.all(brokers.map((one) => one.tick()));
    expect(receiver.received).toHaveLength(1);
  });
});

test("while nothing is new, a sweep costs a channel twelve reads, and writes nothing", async () => {
  const one = notifier();
  await ask(ann);
  await tick(one);
  const { store } = works.environment;
  let [reads, transactions] = [0, 0];
  works.environment.store = {
    ...store,
    read: (work) =>
      store.read((sql) =>
        work((text, ...values) => {
          reads++;
          return sql(text, ...values);
        }),
      ),
    tx: (work, isolation, mayBeLost) => {
      transactions++;
      return store.tx(work, isolation, mayBeLost);
    },
  };
  const again = notifier();
  await again.tick();
  expect({ reads, transactions }).toEqual({ reads: 12, transactions: 0 });
});

test("a database that takes nothing is one line in the log, also when it still answers reads", async () => {
  await ask(ann);
  receiver.status = 503;
  await tick(notifier());
  const { store } = works.environment;
  works.environment.store = { ...store, tx: () => Promise.reject(new Error("read-only")) };
  const one = notifier();
  works.setOn(MINUTE);
  for (let i = 0; i < 3; i++) await one.tick();
  expect(log.map((line) => JSON.parse(line).msg)).toEqual(["notifications failed"]);
});

test("ntfy gets a title, a priority, the token and the sentences, and a test when one is asked for", async () => {
  const ntfy = await startReceiver("/my-topic");
  const one = notifier({
    CCT_NOTIFY_NTFY: ntfy.url,
    CCT_NOTIFY_NTFY_TOKEN: "tk_abc",
    CCT_NOTIFY_CLICK: "https://studio.example/",
  });
  for (let i = 0; i < 8; i++) await ask(ann, `Question ${i}?`);
  await tick(one);
  expect(ntfy.received).toMatchObject([
    {
      path: "/my-topic",
      headers: {
        title: "CCT on studio",
        priority: "4",
        tags: "bell",
        click: "https://studio.example/",
        authorization: "Bearer tk_abc",
      },
      body: ["8 things need you", ...Array(6).fill("ann wrote to you"), "and 2 more"].join("\n"),
    },
  ]);
  const { tests } = await works.call("notify_test", { channel: "ntfy" });
  await tick(one);
  expect(ntfy.received[1]?.body).toContain("test");
  expect(receiver.received).toHaveLength(1);
  expect((await works.call("notify_status", {})).tests).toMatchObject([{ ...tests[0], state: "idle", attempts: 1 }]);
});
