/** What sessions did, and who wrote to whom: the views of the past. */
import { beforeEach, expect, test } from "vitest";
import type { InputOf } from "../../src/operations/index.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import type { TestPeer } from "../support/peers.ts";

let works: Clockwork;
let ann: TestPeer;
let bob: TestPeer;
const HOUR = 3_600_000;
const KEEP = { keep_read_days: 0, keep_failed_days: 0, keep_notes_days: 0, keep_peers_days: 0, keep_pools_days: 0 };
beforeEach(async () => {
  works = await openClockwork();
  [ann, bob] = [await works.newPeer("ann"), await works.newPeer("bob")];
});

const beat = (peer: TestPeer, presence: NonNullable<InputOf<"heartbeat">["presence"]>): Promise<unknown> =>
  works.call("heartbeat", { host_pid: peer.place.host_pid, held: [], presence }, peer);

test("presence is recorded when it changes, and read for a time: also what began before it", async () => {
  const t = works.now();
  const step = async (presence: "active" | "idle" | "blocked"): Promise<void> => {
    works.setOn(60_000);
    await beat(ann, presence);
    await beat(ann, presence);
  };
  await step("active");
  await step("blocked");
  await works.call("set_busy", { reason: "tests", estimate_seconds: 600 }, ann);
  await step("active");
  await works.call("set_ready", {}, ann);
  const history = await works.call("presence_history", { peer: "ann" });
  expect(history.peers).toEqual([
    {
      peer_id: ann.peer_id,
      name: "ann",
      spans: [
        [t, "idle"],
        [t + 60_000, "active"],
        [t + 120_000, "blocked"],
        [t + 180_000, "active"],
      ],
    },
  ]);
  const window = { since: t + 90_000, until: t + 150_000, peer: "ann" };
  expect((await works.call("presence_history", window)).peers[0]?.spans).toEqual([
    [t + 60_000, "active"],
    [t + 120_000, "blocked"],
  ]);
  // Both, in pages of one span.
  const seen = [];
  for (let after: string | undefined; ; ) {
    const page = await works.call("presence_history", { limit: 1, ...(after !== undefined && { after }) });
    seen.push(...page.peers.flatMap(({ name, spans }) => spans.map(([, state]) => `${name} ${state}`)));
    after = page.next;
    if (after === undefined) break;
  }
  expect(seen.toSorted()).toEqual(["ann active", "ann active", "ann blocked", "ann idle", "bob idle"]);
});

test("presence is forgotten after seven days, but not what it was then", async () => {
  for (const presence of ["active", "idle", "active"] as const) {
    works.setOn(HOUR);
    await beat(ann, presence);
  }
  const last = works.now();
  works.setOn(8 * 24 * HOUR);
  await works.clear(KEEP);
  expect((await works.dump()).presence_spans).toHaveLength(2);
  const { peers } = await works.call("presence_history", { peer: "ann" });
  expect(peers[0]?.spans).toEqual([[last, "active"]]);
});

test("a session that falls silent is offline in its history, and one that was removed is not in it", async () => {
  await works.pass(60_000, ann);
  const { peers } = await works.call("presence_history", {});
  const bobs = peers.find(({ name }) => name === "bob");
  expect(bobs?.spans.map(([, state]) => state)).toEqual(["idle", "offline"]);
  await works.call("forget_peer", { peer: "bob" });
  expect((await works.call("presence_history", {})).peers.map(({ name }) => name)).toEqual(["ann"]);
});

test("traffic counts who writes to whom, in pools for each recipient, and how much when", async () => {
  const carl = await works.newPeer("carl");
  await works.call("create_pool", { name: "team", purpose: "x" }, ann);
  for (const peer of [bob, carl]) await works.call("join_pool", { pool: "team" }, peer);
  const send = (to: string, text: string, as: TestPeer) => works.call("send_message", { to, text }, as);
  await send("bob", "one", ann);
  works.setOn(10 * 60_000);
  await send("bob", "two", ann);
  await send("@team", "all", ann);
  await works.call("inbound_policy", { policy: "refuse" }, ann);
  await send("ann", "no", carl);
  const { pairs, times, since, bucket_ms } = await works.call("traffic", { minutes: 60, bucket_seconds: 60 });
  const by = ({ peer_id, name }: TestPeer) => ({ from: peer_id, from_name: name });
  const for_ = ({ peer_id, name }: TestPeer) => ({ to: peer_id, to_name: name });
  expect(pairs).toEqual([
    { ...by(ann), ...for_(bob), direct: 2, pool: 1, failed: 0 },
    ...[
      { ...by(ann), ...for_(carl), direct: 0, pool: 1, failed: 0 },
      { ...by(carl), ...for_(ann), direct: 1, pool: 0, failed: 1 },
    ].toSorted((a, b) => (a.from < b.from ? -1 : 1)),
  ]);
  expect(bucket_ms).toBe(60_000);
  const now = works.now();
  expect(times).toEqual([
    { at: since + Math.floor((now - 10 * 60_000 - since) / bucket_ms) * bucket_ms, messages: 1, failed: 0 },
    { at: since + Math.floor((now - since) / bucket_ms) * bucket_ms, messages: 3, failed: 1 },
  ]);
  expect((await works.call("traffic", { minutes: 5 })).pairs).toHaveLength(3);
});

test("traffic names who was removed as it was called last, and you without a mailbox", async () => {
  await works.call("send_message", { to: "ann", text: "from a person" });
  await works.call("send_message", { to: "bob", text: "before it goes" }, ann);
  await works.call("send_message", { to: "ann", text: "and back" }, bob);
  await works.call("unregister", { host_pid: bob.place.host_pid }, bob);
  await works.call("forget_peer", { peer: "bob", force: true });
  const { pairs } = await works.call("traffic", {});
  const named = pairs.map(({ from_name, to_name, gone = [] }) => [from_name, to_name, ...gone].join(" "));
  expect(named.toSorted()).toEqual(["ann bob to", "bob ann from", "operator ann"]);
});

test("cost is told by pair and over time", async () => {
  await works.call("send_message", { to: "bob", text: "x".repeat(700) }, ann);
  const { messages } = await works.call("claim_messages", { limit: 1, budget: 9_000 }, bob);
  const acks = messages.map((one) => ({
    message_id: one.message_id,
    attempt: one.attempt,
    outcome: "delivered" as const,
  }));
  works.setOn(1_000);
  await works.call("ack_messages", { acks, via: "wake", batch: "1" }, bob);
  const { pairs } = await works.call("cost", { by: "pair" });
  expect(pairs).toMatchObject([
    { from: ann.peer_id, from_name: "ann", to: bob.peer_id, name: "bob", wakes: 1, messages: 1, tokens: 257 },
  ]);
  const { times } = await works.call("cost", { by: "time", hours: 1 });
  expect(times).toMatchObject([{ wakes: 1, messages: 1, tokens: 257 }]);
  expect(times?.[0]?.at).toBeGreaterThan(works.now() - 2 * 60_000);
  expect(await works.call("cost", {})).not.toHaveProperty("pairs");
});
