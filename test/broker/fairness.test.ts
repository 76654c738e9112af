/** What many senders use together: each has a share, so that one that floods shuts nobody out. */
import { describe, expect, test } from "vitest";
import { call, ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { newTeam } from "../support/pools.ts";

const send = (broker: TestBroker, as: TestPeer, to: string, text: string, more = {}) =>
  ok(broker, "send_message", { to, text, ...more }, as);

/** Sends until the recipient's mailbox is full for this sender; returns how many got in. */
async function flood(broker: TestBroker, as: TestPeer, to: string, most: number): Promise<number> {
  for (let i = 0; i < most; i++) {
    const answer = await call(broker, "send_message", { to, text: `flood ${i}` }, as);
    if (answer.status !== 200) return i;
  }
  return most;
}

/** The peer reads what waits. */
async function readAll(broker: TestBroker, peer: TestPeer): Promise<void> {
  const { messages } = await ok(broker, "check_messages", {}, peer);
  const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
  if (acks.length > 0) await ok(broker, "ack_messages", { acks }, peer);
}

describe("a mailbox that is flooded", () => {
  test("by seven strangers still takes a colleague's mail, and never more than twice its limit", async () => {
    const broker = await startBroker({ env: { CCT_MAILBOX_MESSAGES: "20" } });
    const sleeper = await newPeer(broker, "sleeper");
    const strangers: number[] = [];
    for (let i = 0; i < 7; i++)
      strangers.push(await flood(broker, await newPeer(broker, `stranger-${i}`), "sleeper", 100));
    expect(strangers[0]).toBe(20);
    const all = strangers.reduce((sum, count) => sum + count);
    expect(all).toBeLessThan(40);
    const colleague = await newPeer(broker, "colleague");
    const { recipients } = await send(broker, colleague, "sleeper", "the build is broken");
    expect(recipients[0]?.state).toBe("queued");
    const { messages } = await ok(broker, "check_messages", { limit: 100 }, sleeper);
    expect(messages.at(-1)).toMatchObject({ text: "the build is broken", from_name: "colleague" });
  });

  test("by a peer's messages that a policy holds still takes another peer's", async () => {
    const broker = await startBroker({ env: { CCT_MAILBOX_MESSAGES: "5" } });
    const [sleeper, ann, bob] = [
      await newPeer(broker, "sleeper"),
      await newPeer(broker, "ann"),
      await newPeer(broker, "bob"),
    ];
    await ok(broker, "inbound_policy", { policy: "hold" }, sleeper);
    expect(await flood(broker, ann, "sleeper", 100)).toBe(5);
    expect((await send(broker, bob, "sleeper", "for review")).recipients[0]?.state).toBe("held");
  });

  test("is not filled further by sending again what ended unread", async () => {
    const broker = await startBroker({ env: { CCT_MAILBOX_MESSAGES: "3" } });
    const { pool, peers } = await newTeam(broker, 3);
    const [ann, ben, carol] = peers as [TestPeer, TestPeer, TestPeer];
    for (const peer of peers) await readAll(broker, peer);
    expect(await flood(broker, ann, ben.name, 100)).toBeGreaterThan(0);
    const { message_id, recipients } = await send(broker, ann, `@${pool}`, "to all");
    expect(recipients.find(({ name }) => name === ben.name)?.state).toBe("refused");
    expect(await refused(broker, "resend_message", { message_id }, ann)).toMatchObject({ code: "rate_limited" });
    expect((await send(broker, carol, ben.name, "mine fits")).recipients[0]?.state).toBe("queued");
  });
});

describe("the wakes of a session", () => {
  /** The peer takes what waits, as its hooks do when it wakes; returns whether it was allowed to. */
  async function wake(broker: TestBroker, peer: TestPeer, batch: string): Promise<boolean> {
    const { messages, may_wake } = await ok(broker, "claim_messages", { limit: 10, budget: 7000 }, peer);
    const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
    await ok(broker, "ack_messages", { acks, via: may_wake ? "wake" : "prompt", batch }, peer);
    return may_wake;
  }

  async function poked(times: number, more = {}) {
    const broker = await startBroker({ env: { CCT_WAKES_PER_HOUR: "8" } });
    const [ann, bob, carol] = [
      await newPeer(broker, "ann"),
      await newPeer(broker, "bob"),
      await newPeer(broker, "carol"),
    ];
    let wakes = 0;
    for (let i = 0; i < times; i++) {
      await send(broker, ann, "bob", `poke ${i}`, more);
      if (await wake(broker, bob, `poke ${i}`)) wakes++;
    }
    return { broker, ann, bob, carol, wakes };
  }

  test("are not used up by one peer that pokes: another one still wakes it", async () => {
    const { broker, ann, bob, carol, wakes } = await poked(10);
    expect(wakes).toBe(6);
    expect((await send(broker, ann, "bob", "one more")).recipients[0]?.note).toContain("limit of wakes");
    expect((await ok(broker, "claim_messages", { limit: 10, budget: 7000 }, bob)).may_wake).toBe(false);
    expect((await ok(broker, "heartbeat", { host_pid: bob.place.host_pid, held: [] }, bob)).may_wake).toBe(false);
    expect((await send(broker, carol, "bob", "something new")).recipients[0]?.note).toContain("will be woken");
    expect(await wake(broker, bob, "carol's")).toBe(true);
  });

  test("are not used up by one peer's interrupts either", async () => {
    const { broker, bob, carol } = await poked(12, { urgency: "interrupt" });
    await send(broker, carol, "bob", "something new");
    expect(await wake(broker, bob, "carol's")).toBe(true);
  });
});

test("a message to a pool counts once for each recipient", async () => {
  const broker = await startBroker({ env: { CCT_SENDS_PER_MINUTE: "10" } });
  const { pool, peers } = await newTeam(broker, 6);
  const [ann, ben] = peers as [TestPeer, TestPeer];
  for (let i = 0; i < 2; i++) await send(broker, ann, `@${pool}`, `to all ${i}`);
  const end = await refused(broker, "send_message", { to: ben.name, text: "one more" }, ann);
  expect(end).toMatchObject({ code: "rate_limited", message: expect.stringContaining("10 messages within a minute") });
  expect(end.hint).toContain("once for each recipient");
});
