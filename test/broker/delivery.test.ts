import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { OutputOf } from "../../src/operations/index.ts";
import type { Outcome } from "../../src/rules/delivery.ts";
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, place, type TestPeer } from "../support/peers.ts";

const BUDGET = 8_000;

let broker: TestBroker;
let sender: TestPeer;
let taker: TestPeer;
beforeAll(async () => {
  broker = await startBroker();
});
beforeEach(async () => {
  sender = await newPeer(broker, "sender");
  taker = await newPeer(broker, "taker");
});

async function mail(text: string, urgency: "interrupt" | "normal" | "low" = "normal"): Promise<string> {
  return (await ok(broker, "send_message", { to: taker.peer_id, text, urgency }, sender)).message_id;
}

const claim = (limit = 100, budget = BUDGET): Promise<OutputOf<"claim_messages">> =>
  ok(broker, "claim_messages", { limit, budget }, taker);

const claimOne = async () => {
  const { messages } = await claim(1);
  const [one] = messages;
  if (!one) throw new Error("nothing to claim");
  return one;
};

const ack = (message_id: string, attempt: number, outcome: Outcome) =>
  ok(broker, "ack_messages", { acks: [{ message_id, attempt, outcome }] }, taker);

async function status(message_id: string) {
  const { recipients } = await ok(broker, "message_status", { message_id }, sender);
  const [recipient] = recipients;
  if (!recipient) throw new Error("no recipient");
  return recipient;
}

const DONE = { acknowledged: 1, stale: 0 };
const STALE = { acknowledged: 0, stale: 1 };

describe("the sender can follow a message", () => {
  test("from queued to claimed, delivered and read", async () => {
    const id = await mail("follow me");
    expect(await status(id)).toMatchObject({ name: taker.name, state: "queued", attempts: 0, redelivered: false });
    const { attempt } = await claimOne();
    expect(await status(id)).toMatchObject({ state: "claimed", attempts: 1, delivered_at: null });
    expect(await ack(id, attempt, "delivered")).toEqual(DONE);
    expect(await status(id)).toMatchObject({ state: "delivered", delivered_at: expect.any(Number), read_at: null });
    expect(await ack(id, attempt, "read")).toEqual(DONE);
    const read = await status(id);
    expect(read).toMatchObject({ state: "read", read_at: expect.any(Number), redelivered: false });
    expect(read.read_at).toBeGreaterThanOrEqual(read.delivered_at ?? 0);
  });

  test("directly to read, if that is reported first", async () => {
    const id = await mail("quick");
    await claimOne();
    await ack(id, 1, "read");
    expect(await status(id)).toMatchObject({ state: "read", delivered_at: expect.any(Number) });
  });

  test("as can its recipient and the operator, but no other peer", async () => {
    const id = await mail("private");
    const stranger = await newPeer(broker, "stranger");
    expect((await ok(broker, "message_status", { message_id: id }, taker)).from_name).toBe(sender.name);
    expect((await ok(broker, "message_status", { message_id: id })).to).toBe(taker.peer_id);
    const hidden = await refused(broker, "message_status", { message_id: id }, stranger);
    const unknown = await refused(broker, "message_status", { message_id: "no-such-message" }, stranger);
    // A stranger cannot even find out that the message exists.
    expect(hidden).toEqual({ ...unknown, message: unknown.message.replace("no-such-message", id) });
    expect(hidden.status).toBe(404);
  });
});

describe("claimed mail", () => {
  test("is not given to another claim", async () => {
    await mail("mine alone");
    expect((await claim()).messages).toHaveLength(1);
    expect(await claim()).toMatchObject({ messages: [], remaining: 0 });
    expect((await ok(broker, "check_messages", {}, taker)).messages).toEqual([]);
  });

  test("goes to one of twenty concurrent claims", async () => {
    for (let i = 0; i < 5; i++) await mail(`race ${i}`);
    const claims = await Promise.all(Array.from({ length: 20 }, () => claim()));
    const ids = claims.flatMap((one) => one.messages.map((message) => message.message_id));
    expect(ids).toHaveLength(5);
    expect(new Set(ids).size).toBe(5);
  });

  test("comes in the order of sending, interrupts first", async () => {
    await mail("first");
    await mail("second", "low");
    await mail("urgent", "interrupt");
    await mail("third");
    expect((await claim()).messages.map((one) => one.text)).toEqual(["urgent", "first", "second", "third"]);
  });

  test("is limited by number and budget; the rest is counted", async () => {
    for (let i = 0; i < 3; i++) await mail(`${i}${"x".repeat(3000)}`);
    await mail("short");
    const first = await claim();
    expect(first.messages.map((one) => one.text[0])).toEqual(["0", "1"]);
    expect(first).toMatchObject({ remaining: 2, interrupts: 0, too_long: [] });
    const second = await claim(1);
    expect(second.messages.map((one) => one.text[0])).toEqual(["2"]);
    expect(second.remaining).toBe(1);
    expect(await claim(100, 0)).toMatchObject({ messages: [], remaining: 1 });
  });

  test("that does not fit at all is only named, and can be read on request", async () => {
    const id = await mail("y".repeat(20_000), "interrupt");
    await mail("behind it");
    const { messages, too_long, remaining, interrupts } = await claim();
    expect(messages.map((one) => one.text)).toEqual(["behind it"]);
    expect(too_long).toEqual([
      {
        message_id: id,
        from: sender.peer_id,
        from_name: sender.name,
        urgency: "interrupt",
        characters: 20_000,
        beginning: "y".repeat(240),
      },
    ]);
    expect({ remaining, interrupts }).toEqual({ remaining: 1, interrupts: 1 });
    const checked = await ok(broker, "check_messages", {}, taker);
    expect(checked.messages.map((one) => one.text.length)).toEqual([20_000]);
  });
});

describe("claimed mail that is returned", () => {
  test("as not shown comes again unmarked", async () => {
    const id = await mail("back");
    await claimOne();
    expect(await ack(id, 1, "returned")).toEqual(DONE);
    expect(await claimOne()).toMatchObject({ message_id: id, attempt: 2, redelivered: false });
  });

  test("as perhaps shown comes again marked as redelivered, and keeps the mark", async () => {
    const id = await mail("lost");
    await claimOne();
    expect(await ack(id, 1, "lost")).toEqual(DONE);
    expect(await claimOne()).toMatchObject({ message_id: id, attempt: 2, redelivered: true });
    await ack(id, 2, "returned");
    expect(await claimOne()).toMatchObject({ attempt: 3, redelivered: true });
    expect(await status(id)).toMatchObject({ redelivered: true, attempts: 3 });
  });

  test("is not affected by a late acknowledgement of the first attempt", async () => {
    const id = await mail("late");
    await claimOne();
    await ack(id, 1, "lost");
    await claimOne();
    for (const outcome of ["delivered", "read", "returned", "lost"] as const) {
      expect(await ack(id, 1, outcome)).toEqual(STALE);
    }
    expect(await status(id)).toMatchObject({ state: "claimed", attempts: 2 });
    expect(await ack(id, 2, "delivered")).toEqual(DONE);
    expect(await ack(id, 2, "delivered")).toEqual(STALE);
    expect(await ack(id, 2, "returned")).toEqual(STALE);
    expect(await status(id)).toMatchObject({ state: "delivered" });
  });
});

describe("a peer's mail", () => {
  test("cannot be acknowledged by another peer", async () => {
    const id = await mail("hands off");
    await claimOne();
    const thief = { acks: [{ message_id: id, attempt: 1, outcome: "read" as const }] };
    expect(await ok(broker, "ack_messages", thief, sender)).toEqual(STALE);
    expect(await status(id)).toMatchObject({ state: "claimed", read_at: null });
  });

  test("cannot be claimed by another peer", async () => {
    await mail("hands off");
    expect((await ok(broker, "claim_messages", { limit: 100, budget: BUDGET }, sender)).messages).toEqual([]);
  });

  test("that does not exist is acknowledged as stale", async () => {
    expect(await ack("no-such-message", 1, "read")).toEqual(STALE);
  });

  test("is acknowledged one by one, independent of the others", async () => {
    const ids = [await mail("a"), await mail("b")];
    await claim();
    const acks = [
      { message_id: ids[0] ?? "", attempt: 1, outcome: "read" as const },
      { message_id: ids[1] ?? "", attempt: 9, outcome: "read" as const },
      { message_id: "no-such-message", attempt: 1, outcome: "read" as const },
    ];
    expect(await ok(broker, "ack_messages", { acks }, taker)).toEqual({ acknowledged: 1, stale: 2 });
    expect((await status(ids[1] ?? "")).state).toBe("claimed");
  });

  test.each([
    ["no acks", { acks: [] }],
    ["an attempt that cannot be", { acks: [{ message_id: "message-1", attempt: 0, outcome: "read" }] }],
    ["an outcome that is none", { acks: [{ message_id: "message-1", attempt: 1, outcome: "eaten" }] }],
    [
      "too many acks",
      { acks: Array.from({ length: 501 }, () => ({ message_id: "message-1", attempt: 1, outcome: "read" })) },
    ],
  ])("with %s is refused", async (_, input) => {
    expect(await refused(broker, "ack_messages", input, taker)).toMatchObject({ status: 400 });
  });

  test.each([
    { limit: 0, budget: 1 },
    { limit: 101, budget: 1 },
    { limit: 1, budget: -1 },
    { limit: 1 },
    { limit: 1.5, budget: 1 },
  ])("is not claimed with %j", async (input) => {
    expect(await refused(broker, "claim_messages", input, taker)).toMatchObject({ status: 400 });
  });
});

describe("a session server that starts again", () => {
  const again = (held: { message_id: string; attempt: number }[]) =>
    ok(broker, "register", { ...taker.place, held }, taker);

  test("gets again, marked, what its predecessor had claimed and lost", async () => {
    const id = await mail("interrupted");
    await claimOne();
    expect(await again([])).toMatchObject({ waiting: 1 });
    expect(await claimOne()).toMatchObject({ message_id: id, attempt: 2, redelivered: true });
  });

  test("keeps the claims that it still has", async () => {
    const id = await mail("held");
    await claimOne();
    expect(await again([{ message_id: id, attempt: 1 }])).toMatchObject({ waiting: 0 });
    expect(await ack(id, 1, "delivered")).toEqual(DONE);
  });

  test("does not keep a claim that it names with another attempt", async () => {
    const id = await mail("misnamed");
    await claimOne();
    expect(await again([{ message_id: id, attempt: 7 }])).toMatchObject({ waiting: 1 });
    expect(await claimOne()).toMatchObject({ message_id: id, attempt: 2, redelivered: true });
    expect(await ack(id, 1, "delivered")).toEqual(STALE);
  });

  test("does not get delivered mail again while its host process is the same", async () => {
    const id = await mail("seen");
    await claimOne();
    await ack(id, 1, "delivered");
    expect(await again([])).toMatchObject({ waiting: 0 });
  });

  test("in a new host process gets again, marked, what was delivered but not read", async () => {
    const unread = await mail("cut off");
    const read = await mail("read");
    await claim();
    await ack(unread, 1, "delivered");
    await ack(read, 1, "read");
    await ok(broker, "unregister", { host_pid: taker.place.host_pid }, taker);
    expect(await ok(broker, "register", place(), taker)).toMatchObject({ waiting: 1 });
    expect(await claimOne()).toMatchObject({ message_id: unread, attempt: 2, redelivered: true });
    expect((await status(read)).state).toBe("read");
  });

  test("in a new host process does not lose mail to a late report of the former one", async () => {
    const id = await mail("shown, then its host was killed");
    await claimOne();
    const acks = [{ message_id: id, attempt: 1, outcome: "delivered" as const }];
    const { host_pid } = taker.place;
    await ok(broker, "unregister", { host_pid }, taker);
    const other = place();
    expect(await ok(broker, "register", other, taker)).toMatchObject({ waiting: 1 });
    expect(await ok(broker, "ack_messages", { acks, host_pid }, taker)).toEqual(STALE);
    expect(await claimOne()).toMatchObject({ message_id: id, attempt: 2, redelivered: true });
    const now = [{ message_id: id, attempt: 2, outcome: "delivered" as const }];
    expect(await ok(broker, "ack_messages", { acks: now, host_pid: other.host_pid }, taker)).toEqual(DONE);
  });
});
