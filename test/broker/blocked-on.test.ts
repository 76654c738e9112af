/** What a session waits for at a permission dialog: who learns of it, and when it is forgotten. */
import { expect, test } from "vitest";
import type { InputOf } from "../../src/operations/index.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { openFeed } from "../support/feed.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";

const SECRETIVE = "psql -c 'select salary from staff'";
const ASKS = { tool: "Bash", what: SECRETIVE };

const beat = (broker: TestBroker, peer: TestPeer, more: Partial<InputOf<"heartbeat">>) =>
  ok(broker, "heartbeat", { host_pid: peer.place.host_pid, held: [], ...more }, peer);

async function start() {
  const clock = testClock();
  const broker = await startBroker({ clock });
  const [ann, bob] = [await newPeer(broker, "ann"), await newPeer(broker, "bob")];
  const block = (blocked_on: InputOf<"heartbeat">["blocked_on"] = ASKS) =>
    beat(broker, ann, { presence: "blocked", blocked_on });
  const needs = async () => (await ok(broker, "attention", {})).needs;
  return { clock, broker, ann, bob, block, needs };
}

test("the operator and admin devices learn the tool and the command, everybody else the tool", async () => {
  const { broker, ann, bob, block, needs } = await start();
  const { pool } = await ok(broker, "create_pool", { name: "front", purpose: "x" }, ann);
  await ok(broker, "join_pool", { pool: "front" }, bob);
  await block();
  expect(await needs()).toMatchObject([{ kind: "blocked", name: "ann", ...ASKS, detail: `in ${ann.place.cwd}` }]);

  const { token: admin } = await ok(broker, "add_device", { name: "office", scope: "admin" });
  for (const at of [broker, { ...broker, token: admin }]) {
    const ofAnn = (row: { name: string }) => row.name === "ann";
    expect((await ok(at, "overview", {})).peers.find(ofAnn)?.blocked_on).toEqual(ASKS);
    expect((await ok(at, "list_peers", {})).peers.find(ofAnn)?.blocked_on).toEqual(ASKS);
    expect((await ok(at, "pool_status", { pool: pool.name })).members.find(ofAnn)?.blocked_on).toEqual(ASKS);
  }
  const seen: unknown[] = [
    await ok(broker, "list_peers", {}, bob),
    await ok(broker, "list_peers", {}, ann),
    await ok(broker, "pool_status", { pool: pool.name }, bob),
  ];
  for (const scope of ["read", "post"] as const) {
    const { token } = await ok(broker, "add_device", { name: `${scope}er`, scope });
    const there = { ...broker, token };
    seen.push(await ok(there, "list_peers", {}), await ok(there, "overview", {}));
  }
  for (const answer of seen) {
    expect(JSON.stringify(answer)).toContain('"blocked_on":{"tool":"Bash"}');
    expect(JSON.stringify(answer)).not.toContain("salary");
  }
});

test("the feed tells people the command, and another machine the tool, as soon as it is known", async () => {
  const { broker, block } = await start();
  const { token } = await ok(broker, "add_device", { name: "reader", scope: "read" });
  const theirs = await openFeed({ ...broker, token });
  const full = await openFeed(broker);
  for (const feed of [theirs, full]) await feed.find("the beginning", (batch) => batch.look_again === true);
  await block({ tool: "Bash" });
  await full.find("the tool", ({ peers }) => peers?.some((one) => one.blocked_on?.tool === "Bash") === true);
  await block();
  await full.find(
    "the command",
    ({ peers, attention }) => peers?.some((one) => one.blocked_on?.what === SECRETIVE) === true && attention === true,
  );
  await theirs.find("the tool", ({ peers }) => peers?.some((one) => one.blocked_on?.tool === "Bash") === true);
  await block({ tool: "Write" });
  await theirs.find("the next tool", ({ peers }) => peers?.some((one) => one.blocked_on?.tool === "Write") === true);
  expect(JSON.stringify(theirs.batches)).not.toContain("salary");
});

test("it is forgotten once the session goes on, ends, is lost, or asks for something unknown", async () => {
  const { clock, broker, ann, block, needs } = await start();
  const asks = async () => (await needs()).map(({ tool, what }) => ({ tool, what }));
  const stop: (() => Promise<unknown>)[] = [
    () => beat(broker, ann, { presence: "active" }),
    async () => {
      // A heartbeat that says nothing of her presence changes nothing of it.
      await beat(broker, ann, {});
      expect(await asks()).toEqual([ASKS]);
      await block({ tool: "Write" });
      expect(await asks()).toEqual([{ tool: "Write" }]);
      await beat(broker, ann, { presence: "idle" });
    },
    () => ok(broker, "unregister", { host_pid: ann.place.host_pid }, ann),
    async () => {
      await clock.pass(60_000);
      await until("she is lost", async () => (await ok(broker, "list_peers", { live: true })).peers.length === 0);
    },
  ];
  for (const end of stop) {
    await block();
    expect(await asks()).toEqual([ASKS]);
    await end();
    expect(await asks()).toEqual([]);
    await beat(broker, ann, { presence: "blocked" });
    expect(await asks()).toEqual([{}]);
    await beat(broker, ann, { presence: "active" });
  }
  await beat(broker, ann, { presence: "active", blocked_on: ASKS });
  const { peers } = await ok(broker, "overview", {});
  expect(peers.filter(({ blocked_on }) => blocked_on)).toEqual([]);
});
