/** Conversations as the operator sees them, and one message with all that is known of it. */
import { beforeEach, describe, expect, test } from "vitest";
import { conversationsBefore } from "../../src/store/conversations.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import type { TestPeer } from "../support/peers.ts";
import { mailFor } from "../support/rows.ts";

let works: Clockwork;
let ann: TestPeer;
let bob: TestPeer;
beforeEach(async () => {
  works = await openClockwork();
  [ann, bob] = [await works.newPeer("ann"), await works.newPeer("bob")];
});

const send = async (to: string, text: string, as?: TestPeer): Promise<string> => {
  works.setOn(1_000);
  return (await works.call("send_message", { to, text }, as)).message_id;
};
const key = (...ids: string[]): string => ids.toSorted().join("~");

describe("conversations", () => {
  test("are pools and pairs, both ways in one, the latest first, with their last message", async () => {
    const { pool } = await works.call("create_pool", { name: "den", purpose: "x", private: true }, ann);
    await works.call("invite_to_pool", { pool: "den", peer: "bob" }, ann);
    await send("bob", "one", ann);
    await send("@den", "to all", ann);
    await send("ann", "two", bob);
    await send("operator", "may I?", bob);
    await send("bob", "you may");
    await send("@den/bob", "to you only", ann);
    const { conversations } = await works.call("conversations", {});
    expect(conversations).toMatchObject([
      { key: `@${pool.pool_id}`, pool: "den", last: { text: "to you only", from_name: "ann" } },
      { key: key("operator", bob.peer_id), unread: 1, last: { text: "you may", to_id: bob.peer_id } },
      { key: key(ann.peer_id, bob.peer_id), last: { text: "two" } },
    ]);
    expect(conversations[2]?.with?.map(({ name }) => name).toSorted()).toEqual(["ann", "bob"]);
    expect((await works.call("conversations", { mine: true })).conversations.map((one) => one.key)).toEqual([
      key("operator", bob.peer_id),
    ]);
    expect((await works.call("conversations", { pools: true })).conversations.map((one) => one.pool)).toEqual(["den"]);
  });

  test("count what failed in them and what is held, and show what became of the last message", async () => {
    await works.call("inbound_policy", { policy: "refuse" }, bob);
    await send("bob", "no", ann);
    await works.call("inbound_policy", { policy: "hold" }, bob);
    await send("bob", "hm", ann);
    const { conversations } = await works.call("conversations", {});
    expect(conversations).toMatchObject([
      { failed: 1, held: 1, last: { states: { held: 1 }, recipients: [{ name: "bob", state: "held" }] } },
    ]);
  });

  test("of more pairs than can be looked at are the latest, and it is known that some are missing", async () => {
    const { store } = works.environment;
    for (const text of ["one", "two", "three"]) await send("bob", text, ann);
    const carl = await works.newPeer("carl");
    for (const [from, to] of [
      [ann, "carl"],
      [bob, "carl"],
      [carl, "operator"],
    ] as const)
      await send(to, "hello", from);
    const filter = { of: undefined, pools: true, pairs: true, before: Number.MAX_SAFE_INTEGER, limit: 10 };
    const whole = await store.read((sql) => conversationsBefore(sql, filter));
    expect([whole.found.length, whole.isCut]).toEqual([4, false]);
    for (const most of [1, 2, 3])
      expect(await store.read((sql) => conversationsBefore(sql, filter, most))).toEqual({ ...whole, isCut: true });
    expect(await store.read((sql) => conversationsBefore(sql, filter, 4))).toEqual(whole);
    const second = { ...filter, before: whole.found[1]?.seq ?? 0, limit: 1 };
    expect((await store.read((sql) => conversationsBefore(sql, second, 1))).found).toEqual([whole.found[2]]);
    // Those of one participant are all looked at, and no others.
    const mine = { ...filter, of: "operator" };
    expect(await store.read((sql) => conversationsBefore(sql, mine, 1))).toEqual({
      found: [whole.found[0]],
      isCut: false,
    });
  });

  test("come in pages, each once, however many there are", async () => {
    const peers = [];
    for (let i = 0; i < 9; i++) peers.push(await works.newPeer(`peer-${i}`));
    for (const peer of peers) await send(peer.name, "hello", ann);
    for (const peer of peers) await send(peer.name, "again", ann);
    const seen: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await works.call("conversations", { limit: 4, ...(after !== undefined && { after }) });
      seen.push(...page.conversations.map((one) => one.last.to));
      after = page.next;
      if (after === undefined) break;
    }
    expect(seen).toEqual(peers.map(({ name }) => name).toReversed());
  });

  test("are read one at a time: a pool, or what two wrote to each other alone, back and on", async () => {
    const { pool } = await works.call("create_pool", { name: "den", purpose: "x" }, ann);
    await works.call("invite_to_pool", { pool: "den", peer: "bob" }, ann);
    await send("bob", "one", ann);
    await send("@den", "to the pool", ann);
    await send("ann", "two", bob);
    await send("@all", "to all");
    const read = async (conversation: string, more = {}) =>
      (await works.call("messages", { conversation, ...more })).messages.map(({ text, seq }) => ({ text, seq }));
    const pair = key(ann.peer_id, bob.peer_id);
    const [two, one] = await read(pair);
    expect([two?.text, one?.text]).toEqual(["two", "one"]);
    expect(await read(pair, { before: two?.seq })).toEqual([one]);
    expect(await read(pair, { after: one?.seq })).toEqual([two]);
    const inPool = await read(`@${pool.pool_id}`);
    expect(inPool[0]?.text).toBe("to the pool");
    expect(await read("@den")).toEqual(inPool);
    expect(await read("@all~operator")).toMatchObject([{ text: "to all" }]);
    expect(await read(key("cct", bob.peer_id))).toMatchObject([
      { text: expect.stringContaining("you to the pool @den") },
    ]);
  });

  test("show nobody what others wrote to each other", async () => {
    const eve = await works.newPeer("eve");
    await send("bob", "one", ann);
    const conversation = key(ann.peer_id, bob.peer_id);
    expect((await works.call("messages", { conversation }, eve)).messages).toEqual([]);
    expect((await works.call("messages", { conversation }, bob)).messages).toHaveLength(1);
  });

  test("show the beginning of a long text, and say how long it is", async () => {
    await send("bob", "ß".repeat(20_000), ann);
    const [one] = (await works.call("conversations", {})).conversations;
    expect(one?.last).toMatchObject({ text: "ß".repeat(400), characters: 20_000 });
  });

  test("of two with very many messages are found without reading these", async () => {
    const { messages, deliveries } = mailFor(bob, ann, 3_000, works.now(), "read");
    await works.fill(
      "messages",
      messages.map((row) => ({ ...row, target: bob.peer_id })),
    );
    await works.fill("deliveries", deliveries);
    const { conversations } = await works.call("conversations", {});
    expect(conversations).toMatchObject([{ key: key(ann.peer_id, bob.peer_id), last: { seq: 3_000 } }]);
  });
});

describe("one message", () => {
  test("is shown with its whole text, how it came to each recipient, and its replies", async () => {
    const carl = await works.newPeer("carl");
    await works.call("create_pool", { name: "team", purpose: "x" }, ann);
    for (const peer of ["bob", "carl"]) await works.call("invite_to_pool", { pool: "team", peer }, ann);
    await works.call("check_messages", {}, bob);
    const message_id = await send("@team", "long ".repeat(1_000).trim(), ann);
    const { messages } = await works.call("claim_messages", { limit: 20, budget: 90_000 }, bob);
    const acks = messages.map((one) => ({
      message_id: one.message_id,
      attempt: one.attempt,
      outcome: "delivered" as const,
    }));
    await works.call("ack_messages", { acks, via: "wake", batch: "1" }, bob);
    const reply = await works.call("send_message", { reply_to: message_id, text: "short" }, carl);
    const details = await works.call("message_details", { message_id });
    expect(details).toMatchObject({
      text: "long ".repeat(1_000).trim(),
      characters: 4_999,
      pool: "team",
      states: { delivered: 1, queued: 1 },
      recipients: [
        { name: "bob", state: "delivered", via: "wake", attempts: 1 },
        { name: "carl", state: "queued", attempts: 0 },
      ],
      replies: [{ message_id: reply.message_id, from_name: "carl" }],
    });
  });

  test("to very many counts them all and names few in lists", async () => {
    await works.call("create_pool", { name: "team", purpose: "x" }, ann);
    for (let i = 0; i < 12; i++) {
      const peer = await works.newPeer(`member-${i}`);
      await works.call("join_pool", { pool: "team" }, peer);
      if (i === 7) await works.call("inbound_policy", { policy: "refuse" }, peer);
    }
    const message_id = await send("@team", "all", ann);
    const [one] = (await works.call("conversations", { pools: true })).conversations;
    expect(one?.last.states).toEqual({ queued: 11, refused: 1 });
    expect(one?.last.recipients).toHaveLength(5);
    expect(one?.last.recipients[0]).toMatchObject({ name: "member-7", state: "refused" });
    expect((await works.call("message_details", { message_id })).recipients).toHaveLength(12);
  });
});
