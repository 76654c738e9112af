/** The overview and what needs the operator: all at once, bounded, and only what the caller may see. */
import { beforeAll, describe, expect, test } from "vitest";
import type { InputOf } from "../../src/operations/index.ts";
import type { Sql, Store } from "../../src/store/store.ts";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { newStore } from "../support/database.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";

/** A store that counts the statements of transactions. */
async function countingStore(): Promise<{ store: Store; statements: () => number }> {
  const inner = await newStore();
  let count = 0;
  const counting =
    (sql: Sql): Sql =>
    (...call) => {
      count++;
      return sql(...call);
    };
  return {
    store: { ...inner, tx: (work, ...rest) => inner.tx((sql) => work(counting(sql)), ...rest) },
    statements: () => count,
  };
}

const CROWD = 200;

describe("with 200 sessions", () => {
  let works: Clockwork;
  let statements: () => number;
  const peers: TestPeer[] = [];
  const cost = async (call: () => Promise<unknown>): Promise<number> => {
    const before = statements();
    await call();
    return statements() - before;
  };

  beforeAll(async () => {
    const counting = await countingStore();
    statements = counting.statements;
    works = await openClockwork(undefined, counting.store);
    for (let i = 0; i < CROWD; i++)
      peers.push(
        await works.newPeer(`session-with-a-name-${i}`, {
          cwd: `/home/ann/work/some-repository/packages/part-${i}`,
          repo: "/home/ann/work/some-repository",
          branch: `feature/what-is-worked-on-${i}`,
          summary: `on feature/what-is-worked-on-${i}: rewrites the parser so that it reads a stream of any length`,
        }),
      );
    for (let i = 0; i < 10; i++) {
      const [lead, ...others] = peers.slice(i * 20, i * 20 + 20);
      await works.call("create_pool", { name: `pool-${i}`, purpose: `the work of part ${i}` }, lead);
      for (const peer of others) await works.call("join_pool", { pool: `pool-${i}` }, peer);
    }
  });

  test("the overview is below 100 KB, and takes as many statements as with few", async () => {
    const all = await works.call("overview", {});
    expect(all.peers).toHaveLength(CROWD);
    expect(all.counts.peers).toMatchObject({ idle: CROWD, offline: 0 });
    expect(all.pools).toHaveLength(10);
    expect(JSON.stringify(all).length).toBeLessThan(100_000);
    const few = await cost(() => works.call("overview", { limit: 2 }));
    const many = await cost(() => works.call("overview", {}));
    // A page counts the other sessions with a statement of its own.
    expect(many).toBeLessThanOrEqual(few);
    expect(many).toBeLessThanOrEqual(14);
  });

  test("what needs the operator takes as many statements with very much as with little", async () => {
    const little = await cost(() => works.call("attention", {}));
    for (const peer of peers) await beat(works, peer, { presence: "blocked", hooks: "quiet" });
    for (const peer of peers.slice(0, 30)) {
      await works.call("send_message", { to: "operator", text: "may I?" }, peer);
      await works.call("inbound_policy", { policy: "hold" }, peer);
    }
    for (const peer of peers.slice(0, 30))
      await works.call("send_message", { to: peer.name, text: "hello" }, peers[99]);
    const much = await cost(() => works.call("attention", {}));
    const { needs, counts, more } = await works.call("attention", {});
    // Since when they are blocked.
    expect(much - little).toBeLessThanOrEqual(1);
    expect(counts).toMatchObject({ blocked: CROWD, question: 30, held: 30 });
    expect(needs.length + more).toBe(Object.values(counts).reduce((sum, count) => sum + count));
    expect(needs).toHaveLength(100);
  });
});

const beat = (works: Clockwork, peer: TestPeer, more: Partial<InputOf<"heartbeat">>): Promise<unknown> =>
  works.call("heartbeat", { host_pid: peer.place.host_pid, held: [], ...more }, peer);

describe("the overview", () => {
  test("shows each session's presence and since when it is so, also when it fell silent", async () => {
    const works = await openClockwork();
    const ann = await works.newPeer("ann");
    await works.newPeer("bob");
    const began = works.now();
    await works.pass(60_000, ann);
    await beat(works, ann, { presence: "blocked" });
    await works.pass(20_000, ann);
    await beat(works, ann, { presence: "blocked" });
    const { peers, counts } = await works.call("overview", {});
    expect(peers).toMatchObject([
      { name: "ann", presence: "blocked", since: began + 60_000 },
      { name: "bob", presence: "offline", last_seen: began },
    ]);
    expect(peers[1]?.since).toBe(began + 60_000);
    expect(counts.peers).toEqual({ active: 0, idle: 0, busy: 0, blocked: 1, offline: 1 });
    await works.call("set_busy", { reason: "the tests", estimate_seconds: 60 }, ann);
    await beat(works, ann, { presence: "active" });
    const [busy] = (await works.call("overview", {})).peers;
    expect(busy).toMatchObject({ presence: "busy", busy_reason: "the tests", since: works.now() });
  });

  test("pages its sessions, and says so", async () => {
    const works = await openClockwork();
    for (const name of ["ann", "bob", "carl"]) await works.newPeer(name);
    const first = await works.call("overview", { limit: 2 });
    const second = await works.call("overview", { limit: 2, after: first.next });
    const names = [...first.peers, ...second.peers].map(({ name }) => name);
    expect(names.toSorted()).toEqual(["ann", "bob", "carl"]);
    expect(second.next).toBeUndefined();
    expect(second.counts).toEqual(first.counts);
  });

  test("shows another machine neither private pools nor who is where, and no services, mail or needs", async () => {
    const broker = await startBroker();
    const ann = await newPeer(broker, "ann");
    await ok(broker, "create_pool", { name: "den", purpose: "hidden", private: true }, ann);
    await ok(broker, "create_pool", { name: "hall", purpose: "seen" }, ann);
    await ok(broker, "register_service", { kind: "db", url: "http://127.0.0.1:1/", host: "elsewhere" }, ann);
    const mine = await ok(broker, "overview", {});
    expect(mine.pools.map(({ name }) => name).toSorted()).toEqual(["den", "hall"]);
    expect(mine.peers[0]?.pools).toHaveLength(2);
    expect(mine.pools[0]).toMatchObject({ lead: ann.peer_id });
    expect(mine.services).toHaveLength(1);
    for (const scope of ["read", "post"] as const) {
      const { token } = await ok(broker, "add_device", { name: `${scope}er`, scope });
      const theirs = await ok({ ...broker, token }, "overview", {});
      expect(theirs.pools).toMatchObject([{ name: "hall", size: 1 }]);
      expect(theirs.more_pools).toBeUndefined();
      expect(theirs.peers).toMatchObject([{ name: "ann", presence: "idle", pools: [] }]);
      expect(theirs.services).toEqual([]);
      expect(Object.keys(theirs.counts)).toEqual(["peers"]);
      const [pool] = mine.pools.filter(({ name }) => name === "den");
      for (const secret of ["den", pool?.pool_id ?? "", "lead"])
        expect(JSON.stringify(theirs)).not.toContain(`"${secret}"`);
    }
  });
});
