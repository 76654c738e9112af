/** Busy signals: a peer that asks for quiet gets it, and the mail that waited afterwards, once. */
import { beforeAll, describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { openEvents } from "../support/events.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { elapse } from "../support/sweep.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
const clock = testClock();
beforeAll(async () => {
  broker = await startBroker({ clock });
});

let pairs = 0;

async function pair(): Promise<[TestPeer, TestPeer]> {
  pairs += 1;
  return [await newPeer(broker, `ann-${pairs}`), await newPeer(broker, `ben-${pairs}`)];
}

const WHOLE = { limit: 100, budget: 7600 };
const claim = (peer: TestPeer) => ok(broker, "claim_messages", WHOLE, peer);
const texts = ({ messages }: { messages: { text: string }[] }): string[] => messages.map(({ text }) => text);

describe("a busy peer", () => {
  test("gets only interrupts, and the rest when it is ready", async () => {
    const [ann, ben] = await pair();
    const busy = await ok(broker, "set_busy", { reason: "the test suite", estimate_seconds: 360 }, ben);
    expect(busy).toMatchObject({ presence: "busy", busy_reason: "the test suite", busy_until: expect.any(Number) });
    for (const urgency of ["normal", "low", "interrupt"] as const) {
      const { recipients } = await ok(broker, "send_message", { to: ben.name, text: urgency, urgency }, ann);
      expect(recipients[0]?.state).toBe("queued");
    }
    const first = await claim(ben);
    expect(texts(first)).toEqual(["interrupt"]);
    expect(first).toMatchObject({ remaining: 0, interrupts: 0, too_long: [] });
    const beat = { host_pid: ben.place.host_pid, held: [] };
    expect(await ok(broker, "heartbeat", beat, ben)).toMatchObject({ waiting: 0, unread: 3, presence: "busy" });
    expect(texts(await claim(ben))).toEqual([]);

    const events = await openEvents(broker, ben);
    // The first one comes with the stream, and says nothing of what happens then.
    const { length: before } = await events.count(1);
    expect(await ok(broker, "set_ready", {}, ben)).toMatchObject({ presence: "idle", waiting: 3 });
    await events.count(before + 1);
    expect(await ok(broker, "heartbeat", beat, ben)).toMatchObject({ waiting: 2 });
    const second = await claim(ben);
    expect(texts(second)).toEqual(["normal", "low"]);
    expect(second.messages.map(({ redelivered, attempt }) => [redelivered, attempt])).toEqual([
      [false, 1],
      [false, 1],
    ]);
    expect(texts(await claim(ben))).toEqual([]);
  });

  test("is reported to senders, with the reason and the time left", async () => {
    const [ann, ben] = await pair();
    let sent = 0;
    const note = async (urgency: "normal" | "interrupt") => {
      sent += 1;
      const { recipients } = await ok(broker, "send_message", { to: ben.name, text: `no ${sent}`, urgency }, ann);
      return recipients[0]?.note;
    };
    await ok(broker, "set_busy", { reason: "the test suite", estimate_seconds: 360 }, ben);
    const about = (rest: string) => expect.stringMatching(`^busy with "the test suite", about [56] min left${rest}$`);
    expect(await note("normal")).toEqual(about(", and gets it when it is ready"));
    expect(await note("interrupt")).toEqual(about("; an interrupt goes through"));
    await ok(broker, "set_busy", { reason: "the last test", estimate_seconds: 55 }, ben);
    expect(await note("normal")).toMatch(/busy with "the last test", about \d\d? s left,/);
    await ok(broker, "set_ready", {}, ben);
    expect(await note("normal")).toMatch(/^idle and will be woken/);
  });

  test("can still check its mail itself", async () => {
    const [ann, ben] = await pair();
    await ok(broker, "set_busy", { reason: "thinking", estimate_seconds: 60 }, ben);
    await ok(broker, "send_message", { to: ben.name, text: "asked for" }, ann);
    expect(texts(await ok(broker, "check_messages", {}, ben))).toEqual(["asked for"]);
  });

  test("that returned claimed mail gets it once when it is ready, not marked as redelivered", async () => {
    const [ann, ben] = await pair();
    await ok(broker, "send_message", { to: ben.name, text: "already claimed" }, ann);
    const [held] = (await claim(ben)).messages;
    await ok(broker, "set_busy", { reason: "thinking", estimate_seconds: 60 }, ben);
    const { message_id = "", attempt = 0 } = held ?? {};
    await ok(broker, "ack_messages", { acks: [{ message_id, attempt, outcome: "returned" }] }, ben);
    expect(texts(await claim(ben))).toEqual([]);
    await ok(broker, "set_ready", {}, ben);
    expect((await claim(ben)).messages).toMatchObject([{ text: "already claimed", attempt: 2, redelivered: false }]);
  });

  test("gets its mail, and a hint, when 1.5 times its estimate has passed", async () => {
    const [ann, ben] = await pair();
    const events = await openEvents(broker, ben);
    await events.count(1);
    const began = performance.now();
    await ok(broker, "set_busy", { reason: "two seconds", estimate_seconds: 2 }, ben);
    await ok(broker, "send_message", { to: ben.name, text: "later" }, ann);
    const hinted = events.seen().length;
    const claimed = await until("it comes", async () => {
      const { messages } = await claim(ben);
      return messages.length > 0 && messages;
    });
    expect(claimed).toMatchObject([{ text: "later", redelivered: false }]);
    // Not before, whatever time the steps take here; the broker's clock is smoothed.
    expect(performance.now() - began).toBeGreaterThan(2_000);
    await events.count(hinted + 1);
    await until("it is idle", async () => {
      const { peers } = await ok(broker, "list_peers", {});
      const seen = peers.find(({ peer_id }) => peer_id === ben.peer_id);
      return seen?.presence === "idle" && seen.busy_reason === undefined;
    });
  });

  test("can repeat the signal: the new estimate counts from then", async () => {
    const [, ben] = await pair();
    await ok(broker, "set_busy", { reason: "one", estimate_seconds: 1 }, ben);
    const { busy_until = 0 } = await ok(broker, "set_busy", { reason: "two", estimate_seconds: 3600 }, ben);
    await elapse(broker, clock, 2_500);
    const { peers } = await ok(broker, "list_peers", {});
    expect(peers.find(({ peer_id }) => peer_id === ben.peer_id)).toMatchObject({
      presence: "busy",
      busy_reason: "two",
      busy_until,
    });
  });

  test("is not busy any more in its next process", async () => {
    const [, ben] = await pair();
    await ok(broker, "set_busy", { reason: "gone", estimate_seconds: 3600 }, ben);
    await ok(broker, "unregister", { host_pid: ben.place.host_pid }, ben);
    const away = (await ok(broker, "list_peers", { all: true })).peers.find(({ peer_id }) => peer_id === ben.peer_id);
    expect(away).toMatchObject({ presence: "offline" });
    expect(away).not.toHaveProperty("busy_reason");
    expect(away).not.toHaveProperty("busy_until");
    await ok(broker, "register", { ...ben.place, host_pid: ben.place.host_pid + 100_000 }, ben);
    const back = (await ok(broker, "list_peers", { all: true })).peers.find(({ peer_id }) => peer_id === ben.peer_id);
    expect(back?.presence).toBe("idle");
  });
});

describe("a long command", () => {
  test("shows its session as busy until it ends, and delays no mail", async () => {
    const [ann, ben] = await pair();
    const beat = { host_pid: ben.place.host_pid, presence: "active" as const, held: [] };
    expect(await ok(broker, "heartbeat", { ...beat, command_ms: 60_000 }, ben)).toMatchObject({ presence: "busy" });
    const { recipients } = await ok(broker, "send_message", { to: ben.name, text: "during" }, ann);
    expect(recipients[0]?.note).toBe(`busy with "a long command", and gets it after that`);
    expect(texts(await claim(ben))).toEqual(["during"]);
    expect(await ok(broker, "heartbeat", beat, ben)).toMatchObject({ presence: "active" });
  });
});
