/** What requests cost as mail piles up: many times as much that waits, or is stored, costs the database no more steps. */
import { describe, expect, test } from "vitest";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { notRun } from "../support/not-run.ts";
import type { TestPeer } from "../support/peers.ts";
import { fill, mailFor } from "../support/rows.ts";
import { isSoak } from "../support/soak.ts";
import { countableStore, stepsOf } from "../support/steps.ts";
import { rejectedBy } from "../support/thrown.ts";

const SIZES = isSoak ? [2_000, 64_000] : [1_000, 4_000];
/** A tree of an index may be one level deeper, and what waits is said in more digits. */
const MOST = 1.1;

interface At {
  works: Clockwork;
  /** Whose mailbox it is. */
  me: TestPeer;
  other: TestPeer;
}

const text = "hello";

/** Each is measured the second time. */
const requests: Record<string, (at: At) => Promise<unknown>> = {
  "a claim": ({ works, me }) => works.call("claim_messages", { limit: 20, budget: 9000 }, me),
  "a claim that has no room": ({ works, me }) => works.call("claim_messages", { limit: 20, budget: 0 }, me),
  "a check": ({ works, me }) => works.call("check_messages", {}, me),
  "a heartbeat": ({ works, me }) =>
    works.call("heartbeat", { host_pid: me.place.host_pid, presence: "idle", held: [] }, me),
  "a message to it": ({ works, me, other }) => works.call("send_message", { to: me.name, text }, other),
  "a message to another": ({ works, me, other }) => works.call("send_message", { to: other.name, text }, me),
  "a registration with its name": ({ works, me }) => works.newPeer(me.name),
  "a return": ({ works, me }) => works.call("register", { ...me.place, name: me.name, held: [] }, me),
  "a sweep": ({ works }) => works.pass(0),
  "a list of peers": ({ works, other }) => works.call("list_peers", {}, other),
  "a summary": ({ works, me }) => works.call("set_summary", { summary: "work" }, me),
  "its history": ({ works, me }) => works.call("messages", {}, me),
  "all history": ({ works }) => works.call("messages", {}),
  "its failed messages": ({ works, me }) => works.call("messages", { dead: true }, me),
  "an attempt to forget it": ({ works, me }) => rejectedBy(works.call("forget_peer", { peer: me.name })),
};

/** The same with a mailbox that is too full for anybody. */
const refused: typeof requests = {
  "a message to a full mailbox": ({ works, me, other }) =>
    rejectedBy(works.call("send_message", { to: me.name, text }, other)),
};

async function costs(state: "queued" | "read", work: typeof requests, limits = {}): Promise<Record<string, number[]>> {
  const all: Record<string, number[]> = {};
  for (const size of SIZES) {
    const store = await countableStore();
    if (!store) throw new Error("SQLite does not count steps");
    const works = await openClockwork(undefined, store, limits);
    const at = { works, me: await works.newPeer("me"), other: await works.newPeer("other") };
    const mail = mailFor(at.me, at.other, size, works.now(), state);
    await works.fill("messages", mail.messages);
    await works.fill("deliveries", mail.deliveries);
    for (const [name, run] of Object.entries(work)) {
      await run(at);
      all[name] ??= [];
      all[name].push(await stepsOf(store, () => run(at)));
    }
  }
  return all;
}

const probe = await countableStore();
await probe?.close();
const isCounted = probe !== undefined || !notRun("what requests cost as mail piles up", "this SQLite counts no steps");

describe.skipIf(!isCounted)("many times as much", () => {
  test.each([
    ["mail that waits", "queued", requests, { mailbox_messages: 100_000 }],
    ["mail that waits, above the limit,", "queued", refused, { mailbox_messages: 200 }],
    ["mail that was read", "read", requests, {}],
  ] as const)("%s costs no more", async (_, state, work, limits) => {
    const all = await costs(state, work, limits);
    if (process.env.CCT_TEST_SHOW) console.log(JSON.stringify(all));
    for (const [name, [few = 0, many = 0]] of Object.entries(all)) {
      expect(few, name).toBeGreaterThan(0);
      expect(many / few, `${name}: ${few}, ${many} steps`).toBeLessThanOrEqual(MOST);
    }
  });
});

test.skipIf(!isCounted)("a message to a peer that is away costs no more when many are live around it", async () => {
  const steps: number[] = [];
  for (const size of SIZES) {
    const store = await countableStore();
    if (!store) throw new Error("SQLite does not count steps");
    const works = await openClockwork(undefined, store);
    const me = await works.newPeer("me");
    const away = await works.newPeer("peer", { host: "elsewhere", cwd: "/work", repo: "/work", remote: "origin" });
    await fill.peers(works, size);
    await store.tx((sql) => sql("UPDATE peers SET repo = '/work', remote = 'origin' WHERE presence <> 'offline'"));
    await works.call("unregister", { host_pid: away.place.host_pid }, away);
    const send = () => works.call("send_message", { to: "peer", text }, me);
    const { recipients } = await send();
    expect(recipients[0]?.note).toMatch(/; live in the same folder: .* and 47 more$/);
    steps.push(await stepsOf(store, send));
  }
  const [few = 0, many = 0] = steps;
  expect(many / few, `${few}, ${many} steps`).toBeLessThanOrEqual(MOST);
});

test("counts of waiting mail end at 100, and mail is taken in order to its end", async () => {
  const works = await openClockwork();
  const me = await works.newPeer("me");
  const other = await works.newPeer("other");
  const mail = mailFor(me, other, 130, works.now());
  await works.fill("messages", mail.messages);
  await works.fill("deliveries", mail.deliveries);
  const { peers } = await works.call("list_peers", {}, other);
  expect(peers.find(({ you }) => !you)?.waiting).toBe(100);
  const beat = await works.call("heartbeat", { host_pid: me.place.host_pid, held: [] }, me);
  expect(beat).toMatchObject({ waiting: 100, interrupts: 32, unread: 100 });
  const taken: number[] = [];
  const left: number[] = [];
  for (let remaining = 1; remaining > 0; left.push(remaining)) {
    const answer = await works.call("check_messages", { limit: 20 }, me);
    for (const { message_id } of answer.messages) taken.push(Number(/\d+/.exec(message_id)?.[0]));
    ({ remaining } = answer);
  }
  expect(left).toEqual([100, 90, 70, 50, 30, 10, 0]);
  const all = Array.from({ length: 130 }, (_, i) => i);
  expect(taken).toEqual([...all.filter((i) => i % 4 === 3), ...all.filter((i) => i % 4 !== 3)]);
});
