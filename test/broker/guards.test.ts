/** Guards end loops and floods: the sender is told every time, the operator once. */
import { describe, expect, test } from "vitest";
import { type Credentials, ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { allTexts, newPeer, type TestPeer } from "../support/peers.ts";

async function stage(env: Record<string, string> = {}): Promise<[TestBroker, TestPeer, TestPeer, TestPeer]> {
  const broker = await startBroker({ env });
  return [broker, await newPeer(broker, "ann"), await newPeer(broker, "bob"), await newPeer(broker, "carol")];
}

const send = (broker: TestBroker, as: Credentials, to: string, text: string, more = {}) =>
  ok(broker, "send_message", { to, text, ...more }, as);
const stopped = (broker: TestBroker, as: Credentials, to: string, text: string, more = {}) =>
  refused(broker, "send_message", { to, text, ...more }, as);

describe("a guard", () => {
  test("refuses the same text to the same peer, by any address, and nothing else", async () => {
    const [broker, ann, bob] = await stage();
    await send(broker, ann, "bob", "ready?");
    expect(await stopped(broker, ann, "BOB", "ready?")).toMatchObject({ status: 429, code: "rate_limited" });
    expect(await stopped(broker, ann, bob.peer_id.slice(0, 8), "ready?")).toMatchObject({ status: 429 });
    await send(broker, ann, "carol", "ready?");
    await send(broker, ann, "bob", "ready now?");
    await send(broker, bob, "carol", "ready?");
    expect((await allTexts(broker)).filter((text) => text === "ready?")).toHaveLength(3);
  });

  test("does not count a text that nobody will read", async () => {
    const [broker, ann, bob] = await stage();
    await ok(broker, "inbound_policy", { policy: "refuse", from: "ann" }, bob);
    expect((await send(broker, ann, "bob", "ready?")).recipients).toMatchObject([{ state: "refused" }]);
    await ok(broker, "inbound_policy", { policy: "hold", from: "ann" }, bob);
    expect((await send(broker, ann, "bob", "ready?")).recipients).toMatchObject([{ state: "held" }]);
    expect(await stopped(broker, ann, "bob", "ready?")).toMatchObject({ status: 429 });
  });

  test("answers a repeated message_id like the first time", async () => {
    const [broker, ann] = await stage();
    const first = await send(broker, ann, "bob", "once", { message_id: "message-once" });
    expect(await send(broker, ann, "bob", "once", { message_id: "message-once" })).toEqual(first);
  });

  test("ends a loop of replies at the configured length", async () => {
    const [broker, ann, bob, carol] = await stage({ CCT_MAX_HOPS: "5" });
    const ring = [ann, bob, carol];
    let last = await send(broker, ann, "bob", "round 0");
    for (let hop = 1; hop < 5; hop++) {
      const from = ring[hop % 3] as TestPeer;
      const to = ring[(hop + 1) % 3] as TestPeer;
      last = await send(broker, from, to.name, `round ${hop}`, { reply_to: last.message_id });
    }
    const end = await stopped(broker, carol, "ann", "round 5", { reply_to: last.message_id });
    expect(end.message).toContain("looks like a loop");
    expect(await allTexts(broker)).toHaveLength(5);
  });

  test("limits the messages of one peer per minute, per address and in total; a person has no limit", async () => {
    const [broker, ann] = await stage({ CCT_SENDS_PER_PAIR: "3", CCT_SENDS_PER_MINUTE: "5" });
    for (let i = 0; i < 3; i++) await send(broker, ann, "bob", `to bob ${i}`);
    expect((await stopped(broker, ann, "bob", "one more")).message).toContain("3 messages to bob");
    for (let i = 0; i < 2; i++) await send(broker, ann, "carol", `to carol ${i}`);
    expect((await stopped(broker, ann, "carol", "one more")).message).toContain("5 messages within a minute");
    for (let i = 0; i < 10; i++) await ok(broker, "send_message", { to: "bob", text: `from a person ${i}` });
  });

  test("leaves one note for the operator, however often it refuses, and the note is kept", async () => {
    const [broker, ann] = await stage();
    await send(broker, ann, "bob", "again");
    for (let i = 0; i < 5; i++) await stopped(broker, ann, "bob", "again");
    const { notes } = await ok(broker, "notes", {});
    expect(notes.map((note) => note.text)).toEqual([expect.stringContaining("ann sent the same text again")]);
    expect(JSON.stringify(notes)).not.toContain('"again"');
  });
});

describe("a peer that has used up its wake budget", () => {
  test("is reported to senders, and its session wakes it for interrupts only", async () => {
    const [broker, ann, bob] = await stage({ CCT_WAKES_PER_HOUR: "2" });
    for (let i = 0; i < 2; i++) {
      expect((await send(broker, ann, "bob", `wake ${i}`)).recipients[0]?.note).toContain("will be woken");
      const { messages, may_wake } = await ok(broker, "claim_messages", { limit: 10, budget: 7000 }, bob);
      expect(may_wake).toBe(true);
      const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "delivered" as const }));
      await ok(broker, "ack_messages", { acks, via: "wake", batch: `w${i}` }, bob);
    }
    const { recipients } = await send(broker, ann, "bob", "wake 3");
    expect(recipients[0]?.note).toContain("reached its limit of wakes per hour");
    expect((await ok(broker, "claim_messages", { limit: 10, budget: 7000 }, bob)).may_wake).toBe(false);
    const urgent = await send(broker, ann, "bob", "now", { urgency: "interrupt" });
    expect(urgent.recipients[0]?.note).toContain("will be woken");
  });
});

test("cost counts wakes, injections and tokens, by peer and pool", async () => {
  const [broker, ann, bob] = await stage();
  await ok(broker, "create_pool", { name: "team", purpose: "tests" }, ann);
  await ok(broker, "invite_to_pool", { pool: "team", peer: "bob" }, ann);
  await send(broker, ann, "bob", "x".repeat(350));
  await send(broker, ann, "@team", "y".repeat(350));
  const take = async (via: "wake" | "tool", batch: string) => {
    const { messages } = await ok(broker, "claim_messages", { limit: 10, budget: 7000 }, bob);
    const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "delivered" as const }));
    await ok(broker, "ack_messages", { acks, via, batch }, bob);
    return messages.length;
  };
  expect(await take("wake", "one")).toBe(3);
  await send(broker, ann, "bob", "z");
  expect(await take("tool", "two")).toBe(1);
  const { peers, pools } = await ok(broker, "cost", {});
  expect(peers).toMatchObject([{ name: "bob", wakes: 1, injections: 1, messages: 4 }]);
  expect(peers[0]?.tokens).toBeGreaterThan(200);
  expect(pools).toMatchObject([{ name: "team", wakes: 1, injections: 0, messages: 2 }]);
});
