/** The filters of the history: what each leaves, alone and together, in pages of any size, in both directions. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { OutputOf } from "../../src/operations/index.ts";
import { hasFailed } from "../../src/rules/delivery.ts";
import { findMessages, type MessageFilter } from "../../src/store/message-filter.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import type { TestPeer } from "../support/peers.ts";
import { rejectedBy } from "../support/thrown.ts";

type Message = OutputOf<"messages">["messages"][number];
type Input = Parameters<typeof listed>[0];

let works: Clockwork;
let ann: TestPeer;
let ben: TestPeer;
let cid: TestPeer;
let halfTime: number;
/** Everything, newest first. */
let all: Message[];

beforeAll(async () => {
  works = await openClockwork();
  [ann, ben, cid] = [await works.newPeer("ann"), await works.newPeer("ben"), await works.newPeer("cid")];
  await works.call("create_pool", { name: "tools", purpose: "to test" }, ann);
  for (const peer of [ben, cid]) await works.call("join_pool", { pool: "tools" }, peer);
  const addresses = ["ann", "ben", "cid", "@tools", "@tools/ben"];
  const senders = [ann, ben, cid, undefined];
  for (let i = 0; i < 60; i++) {
    if (i === 30) halfTime = works.now();
    const to = addresses[(i * 7) % addresses.length] ?? "";
    const from = senders[(i * 3) % senders.length];
    const urgency = (["normal", "low", "interrupt"] as const)[i % 3] ?? "normal";
    const thread = i % 10 === 0 ? { thread_id: "a-thread" } : {};
    const expires = i % 4 === 0 ? { expires_in_seconds: 5 } : {};
    const text = `${i % 2 ? "Even" : "odd"} 100% of message_${i}`;
    await works.call("send_message", { to, text, urgency, ...thread, ...expires }, from).catch(() => {});
    works.setOn(1_000);
  }
  await works.pass(10_000, ann, ben, cid);
  for (const peer of [ann, cid]) {
    const { messages } = await works.call("check_messages", { limit: 5 }, peer);
    const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
    await works.call("ack_messages", { acks, via: "check", batch: "b" }, peer);
  }
  all = (await works.call("messages", { limit: 500, full: true })).messages;
  expect(all.length).toBeGreaterThan(40);
});

const listed = async (input: Parameters<typeof works.call<"messages">>[1], as?: TestPeer): Promise<Message[]> =>
  (await works.call("messages", { limit: 500, full: true, ...input }, as)).messages;
const took = (peer: TestPeer) => (m: Message) =>
  m.from === peer.peer_id || m.recipients.some((one) => one.peer_id === peer.peer_id);

describe("a filter leaves exactly the messages", () => {
  const cases: [string, () => Input, (m: Message) => boolean][] = [
    ["of a pool", () => ({ pool: "@tools" }), (m) => m.pool === "tools"],
    ["with somebody", () => ({ with: "ben" }), (m) => took(ben)(m)],
    ["between two", () => ({ peer: "ann", with: "ben" }), (m) => took(ann)(m) && took(ben)(m)],
    ["of a thread", () => ({ thread: "a-thread" }), (m) => m.thread_id === "a-thread"],
    ["since a time", () => ({ since: halfTime }), (m) => m.sent_at >= halfTime],
    ["in a state", () => ({ state: "read" }), (m) => m.recipients.some(({ state }) => state === "read")],
    ["that expired", () => ({ state: "expired" }), (m) => m.recipients.some(({ state }) => state === "expired")],
    ["of an urgency", () => ({ urgency: "interrupt" }), (m) => m.urgency === "interrupt"],
    ["with a word, in any case", () => ({ grep: "eVEN" }), (m) => m.text.startsWith("Even")],
    ["with characters that SQL takes for others", () => ({ grep: "0% of message_1" }), (m) => /message_1/.test(m.text)],
    [
      "that are all of it",
      () => ({ pool: "tools", urgency: "low", since: halfTime, grep: "odd" }),
      (m) => m.pool === "tools" && m.urgency === "low" && m.sent_at >= halfTime && m.text.startsWith("odd"),
    ],
  ];

  test.each(cases)("%s", async (_, input, isMeant) => {
    const expected = all.filter(isMeant).map((m) => m.message_id);
    expect(expected.length).toBeGreaterThan(0);
    expect(expected.length).toBeLessThan(all.length);
    expect((await listed(input())).map((m) => m.message_id)).toEqual(expected);
    // Of its own, for a peer: by their words only those that it may read.
    const mayRead = (m: Message) =>
      m.from === cid.peer_id || m.recipients.some((one) => one.peer_id === cid.peer_id && !hasFailed(one));
    const own = all
      .filter((m) => isMeant(m) && took(cid)(m) && (input()?.grep === undefined || mayRead(m)))
      .map((m) => m.message_id);
    expect((await listed(input(), cid)).map((m) => m.message_id)).toEqual(own);
  });

  test("whose thread is named by a message of it", async () => {
    const { message_id } = await works.call("send_message", { to: "ben", text: "begins a thread" }, ann);
    await works.call("send_message", { to: "ann", text: "goes on", reply_to: message_id }, ben);
    const thread = await listed({ thread: message_id });
    expect(thread.map((m) => m.text)).toEqual(["goes on", "begins a thread"]);
  });
});

test("a listing shows the beginnings of texts, and all of them if asked to", async () => {
  const text = `${"x".repeat(399)}\u{1F600} and the rest`;
  await works.call("send_message", { to: "ben", text }, ann);
  const [short] = (await works.call("messages", { limit: 1 })).messages;
  expect(short).toMatchObject({ text: "x".repeat(399), characters: text.length });
  const [whole] = (await works.call("messages", { limit: 1, full: true })).messages;
  expect(whole).toMatchObject({ text });
  expect(whole).not.toHaveProperty("characters");
});

test("of many recipients a listing counts the states, and names them if asked to", async () => {
  for (let i = 0; i < 6; i++) {
    const one = await works.newPeer(`more-${i}`);
    await works.call("join_pool", { pool: "tools" }, one);
  }
  await works.call("send_message", { to: "@tools", text: "to all" }, ann);
  const [counted] = (await works.call("messages", { limit: 1 })).messages;
  expect(counted).toMatchObject({ text: "to all", recipients: [], states: [{ state: "queued", recipients: 8 }] });
  const [named] = (await works.call("messages", { limit: 1, full: true })).messages;
  expect(named?.recipients).toHaveLength(8);
  expect(named).not.toHaveProperty("states");
});

test("after a place the oldest come first, and `next` leads through all", async () => {
  const read: string[] = [];
  for (let after = 1; ; ) {
    const page = await works.call("messages", { after, limit: 7 });
    read.push(...page.messages.map((m) => m.message_id));
    if (page.next === undefined) break;
    after = page.next;
  }
  expect(read.toReversed()).toEqual((await listed({})).map((m) => m.message_id));
});

test("however little one call looks at, the pages of a filter are complete and end", async () => {
  const everything = await works.environment.store.read((sql) => findMessages(sql, { participants: [] }, {}, 500));
  const ids = { ann: ann.peer_id, ben: ben.peer_id, cid: cid.peer_id };
  const pool = everything.messages.find((m) => m.pool)?.pool_id ?? "";
  const filters = fc.record(
    {
      participants: fc.subarray(Object.values(ids)),
      from: fc.constantFrom(...Object.values(ids)),
      pool_id: fc.constant(pool),
      states: fc.subarray(["queued", "read", "expired"] as const, { minLength: 1 }),
      urgency: fc.constantFrom("low", "normal"),
      text: fc.constantFrom("even", "ODD", "_1"),
      since: fc.constant(halfTime),
    },
    { requiredKeys: ["participants"] },
  );
  await fc.assert(
    fc.asyncProperty(filters, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), async (f, size, look) => {
      const filter = f as MessageFilter;
      const whole = await works.environment.store.read((sql) => findMessages(sql, filter, {}, 500));
      const paged: number[] = [];
      for (let before: number | undefined, calls = 0; ; calls++) {
        expect(calls).toBeLessThan(200);
        const page = await works.environment.store.read((sql) => findMessages(sql, filter, { before }, size, look));
        paged.push(...page.messages.map((m) => m.seq));
        if (page.next === undefined) break;
        if (before !== undefined) expect(page.next).toBeLessThan(before);
        before = page.next;
      }
      expect(paged).toEqual(whole.messages.map((m) => m.seq));
    }),
    { numRuns: 60 },
  );
});

test("what was sent shortly after a step of the clock is found by the time that it shows", async () => {
  const slow = await openClockwork();
  const [a] = [await slow.newPeer("a"), await slow.newPeer("b")];
  let seq = slow.now() * 1000;
  // The numbers go on from the time before the machine slept.
  Object.assign(slow.environment, { nextSeq: () => (seq += 100) });
  await slow.call("send_message", { to: "b", text: "before" }, a);
  slow.setOn(60 * 3_600_000);
  await slow.call("send_message", { to: "b", text: "awake" }, a);
  const since = slow.now() - 3_600_000;
  expect((await slow.call("messages", { since })).messages.map((m) => m.text)).toEqual(["awake"]);
});

test("a pool that is hidden from the caller is not there", async () => {
  await works.call("create_pool", { name: "den", purpose: "x", private: true }, ann);
  const hidden = await rejectedBy(works.call("messages", { pool: "den" }, cid));
  const missing = await rejectedBy(works.call("messages", { pool: "dem" }, cid));
  expect(String(hidden)).toBe(String(missing).replaceAll("dem", "den"));
});
