/** Peers that are away for good: they go after a while, and make room for others; what is still needed stays. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { RetentionPolicy } from "../../src/rules/retention.ts";
import { openPostgres } from "../../src/store/drivers/postgres.ts";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import { ok, refused } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { databaseEnv, newStore } from "../support/database.ts";
import { tempHome } from "../support/folders.ts";
import { newPeer, place, type TestPeer } from "../support/peers.ts";
import { rejectedBy } from "../support/thrown.ts";

const DAY = 86_400_000;
const HOUR = 3_600_000;
const KEEP: RetentionPolicy = {
  keep_read_days: 30,
  keep_failed_days: 90,
  keep_notes_days: 90,
  keep_peers_days: 30,
  keep_pools_days: 90,
};

const end = (works: Clockwork, peer: TestPeer) => works.call("unregister", { host_pid: peer.place.host_pid }, peer);

/** Whether the broker knows a peer. */
async function isKnown(works: Clockwork, peer: TestPeer): Promise<boolean> {
  try {
    return (await works.call("inbound_policy", { peer: peer.peer_id })).peer_id === peer.peer_id;
  } catch {
    return false;
  }
}

async function takeAll(works: Clockwork, who: TestPeer, outcome: "read" | "delivered"): Promise<void> {
  const { messages } = await works.call("check_messages", { limit: 100 }, who);
  const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome }));
  if (acks.length > 0) await works.call("ack_messages", { acks }, who);
}

describe("a peer that is away for 30 days, and that nothing holds,", () => {
  test("is removed: its name is free and its secret opens nothing, but history still names it", async () => {
    const works = await openClockwork();
    const [ann, ben] = [await works.newPeer("ann"), await works.newPeer("ben")];
    await works.call("send_message", { to: "ben", text: "shown to ben" }, ann);
    await takeAll(works, ben, "delivered");
    await works.call("send_message", { to: "ann", text: "from ben" }, ben);
    await end(works, ben);
    works.setOn(30 * DAY - HOUR);
    await works.clear(KEEP);
    expect(await isKnown(works, ben)).toBe(true);
    works.setOn(2 * HOUR);
    await works.call("heartbeat", { host_pid: ann.place.host_pid, held: [] }, ann);
    await works.clear(KEEP);
    expect(await isKnown(works, ben)).toBe(false);
    expect(await isKnown(works, ann)).toBe(true);

    expect((await works.call("list_peers", { all: true })).peers.map(({ name }) => name)).toEqual(["ann"]);
    for (const to of ["ben", ben.peer_id, ben.peer_id.slice(0, 8)])
      expect(await rejectedBy(works.call("send_message", { to, text: "hello?" }))).toMatchObject({ code: "not_found" });
    expect(await rejectedBy(works.call("register", ben.place, ben))).toMatchObject({ code: "unauthorized" });
    const { messages } = await works.call("messages", {});
    expect(messages.map(({ text, from_name, recipients }) => [text, from_name, recipients[0]?.name])).toEqual([
      ["from ben", "ben", "ann"],
      ["shown to ben", "ann", "ben"],
    ]);
    // Of a removed peer too, by its name and by its id.
    for (const peer of ["BEN", ben.peer_id])
      expect((await works.call("messages", { peer })).messages.map(({ text }) => text)).toEqual([
        "from ben",
        "shown to ben",
      ]);
    const again = await works.newPeer("ben");
    expect(again.name).toBe("ben");
    expect(again.peer_id).not.toBe(ben.peer_id);
    expect((await works.call("messages", { peer: "ben" })).messages).toEqual([]);
    // What it was shown is not waited for any more, and what it sent still waits.
    works.setOn(2 * HOUR);
    await works.clear(KEEP);
    expect((await works.call("messages", {})).messages.map(({ text }) => text)).toEqual(["from ben"]);
  });

  test("leaves no row behind once the history that names it is gone", async () => {
    const works = await openClockwork();
    const peers = [await works.newPeer("ann"), await works.newPeer("ben"), await works.newPeer("cem")] as const;
    const [ann, ben, cem] = peers;
    await works.call("create_pool", { name: "front", purpose: "to test" }, ann);
    for (const one of [ben, cem]) await works.call("join_pool", { pool: "front" }, one);
    const { proposal_id } = await works.call("propose_release", { pool: "front", peer: "ben", reason: "x" }, ann);
    await works.call("decide_release", { proposal_id, decision: "withdrawn" });
    await works.call("inbound_policy", { policy: "hold", from: "ben" }, cem);
    await works.call("send_message", { to: "@front", text: "hello" }, ann);
    for (const one of [ben, cem]) await takeAll(works, one, "read");
    await works.call("unhold_message", { message_id: "" }).catch(() => {});
    for (const one of peers) await works.call("leave_pool", { pool: "front" }, one);
    for (const one of peers) await takeAll(works, one, "delivered");
    for (const one of peers) await end(works, one);
    works.setOn(31 * DAY);
    await works.pass(1);
    await works.clear(KEEP);
    expect((await works.call("list_peers", { all: true })).peers).toEqual([]);
    works.setOn(91 * DAY);
    for (let i = 0; i < 3; i++) {
      await works.clear(KEEP);
      works.setOn(2 * HOUR);
    }
    const all = await works.dump();
    const left = ["peers", "pools", "members", "messages", "deliveries", "proposals", "ballots", "policies"];
    expect(left.map((table) => [table, all[table]?.length])).toEqual(left.map((table) => [table, 0]));
  });

  test("is not removed with 0 days, and not while its session lives", async () => {
    const works = await openClockwork();
    const [ann, ben] = [await works.newPeer("ann"), await works.newPeer("ben")];
    await end(works, ben);
    works.setOn(1_000 * DAY);
    await works.call("heartbeat", { host_pid: ann.place.host_pid, held: [] }, ann);
    await works.clear({ ...KEEP, keep_peers_days: 0 });
    expect([await isKnown(works, ann), await isKnown(works, ben)]).toEqual([true, true]);
    works.setOn(2 * HOUR);
    await works.call("heartbeat", { host_pid: ann.place.host_pid, held: [] }, ann);
    await works.clear(KEEP);
    expect([await isKnown(works, ann), await isKnown(works, ben)]).toEqual([true, false]);
  });
});

test("a peer stays while mail, held mail, a pool, a service or an open vote needs it; reports of the broker do not", async () => {
  const works = await openClockwork();
  const names = ["mail", "held", "pool", "service", "vote", "subject", "reports", "nothing"] as const;
  const peers = new Map<string, TestPeer>();
  for (const name of names) peers.set(name, await works.newPeer(name));
  const as = (name: (typeof names)[number]): TestPeer => peers.get(name) ?? expect.unreachable();
  const sender = await works.newPeer("sender");
  await works.call("send_message", { to: "mail", text: "waits" }, sender);
  await works.call("inbound_policy", { policy: "hold" }, as("held"));
  await works.call("send_message", { to: "held", text: "held" }, sender);
  await works.call("create_pool", { name: "front", purpose: "to test" }, as("pool"));
  await works.call("create_pool", { name: "back", purpose: "to test" }, sender);
  for (const name of ["vote", "subject", "reports"] as const) await works.call("join_pool", { pool: "back" }, as(name));
  const at = { kind: "web", url: "http://localhost:1", host: "elsewhere", ttl_seconds: 86_400 };
  await works.call("register_service", at, as("service"));
  for (const one of ["reports"] as const) await works.call("leave_pool", { pool: "back" }, as(one));
  const proposal = { pool: "back", peer: "subject", reason: "done", deadline_seconds: 604_800 };
  await works.call("propose_release", proposal, sender);
  // Only the votes hold them.
  for (const one of peers.values()) await end(works, one);
  works.setOn(2 * DAY);
  const keep = { ...KEEP, keep_peers_days: 1 };
  await works.clear(keep);
  const known = [];
  for (const name of names) if (await isKnown(works, as(name))) known.push(name);
  expect(known).toEqual(["mail", "held", "pool", "service", "vote", "subject"]);
});

test("an archived pool goes after 90 days, when its messages are gone too; an active one stays", async () => {
  const works = await openClockwork();
  const ann = await works.newPeer("ann");
  for (const name of ["over", "front"]) await works.call("create_pool", { name, purpose: "to test" }, ann);
  const ben = await works.newPeer("ben");
  await works.call("join_pool", { pool: "over" }, ben);
  await works.call("inbound_policy", { policy: "hold", from: "@over" }, ann);
  await works.call("send_message", { to: "@over", text: "waits for ann" }, ben);
  await works.call("archive_pool", { pool: "over" }, ann);
  await works.call("inbound_policy", { policy: "accept", from: "@over" }, ann);
  const { message_id = "" } = (await works.call("held_messages", {})).held[0] ?? {};
  const pools = async () =>
    (await works.call("list_pools", { include_archived: true })).pools.map(({ name }) => name).sort();
  works.setOn(200 * DAY);
  // Unread reports expire.
  await works.pass(1);
  await works.clear(KEEP);
  expect(await pools()).toEqual(["front", "over"]);
  await works.call("unhold_message", { message_id });
  await takeAll(works, ann, "read");
  await takeAll(works, ann, "read");
  works.setOn(29 * DAY);
  await works.clear(KEEP);
  expect(await pools()).toEqual(["front", "over"]);
  works.setOn(3 * DAY);
  await works.clear({ ...KEEP, keep_pools_days: 0 });
  expect(await pools()).toEqual(["front", "over"]);
  works.setOn(2 * HOUR);
  await works.clear(KEEP);
  expect(await pools()).toEqual(["front"]);
});

test("as many devices as the setting says may have a token; then one has to be revoked first", async () => {
  const store = await newStore();
  const works = await openClockwork(undefined, store, { devices: 30 });
  await store.tx(async (sql) => {
    for (let i = 1; i < 30; i++)
      await sql(
        "INSERT INTO devices (device_id, name, scope, token_hash, created_at) VALUES ($1, $2, 'read', $1, 1)",
        i.toString(16).padStart(32, "0"),
        `desk-${i}`,
      );
  });
  await works.call("add_device", { name: "last" });
  expect(await rejectedBy(works.call("add_device", { name: "one-more" }))).toMatchObject({
    code: "rate_limited",
    hint: expect.stringContaining("device revoke"),
  });
  await works.call("revoke_device", { device: "desk-1" });
  await works.call("add_device", { name: "one-more" });
});

test("a revoked device leaves the list after 90 days", async () => {
  const works = await openClockwork();
  for (const name of ["desk", "loft"]) await works.call("add_device", { name });
  await works.call("revoke_device", { device: "desk" });
  const listed = async () => (await works.call("list_devices", { all: true })).devices.map(({ name }) => name).sort();
  works.setOn(89 * DAY);
  await works.clear(KEEP);
  expect(await listed()).toEqual(["desk", "loft"]);
  works.setOn(2 * DAY);
  await works.clear(KEEP);
  expect(await listed()).toEqual(["loft"]);
});

/** A home whose broker has these peers, all of them away since so many hours. */
async function homeWith(peers: Record<string, number>, prepare: (works: Clockwork) => Promise<void> = async () => {}) {
  const home = tempHome();
  mkdirSync(home, { mode: 0o700 });
  const { CCT_DATABASE_URL: url } = databaseEnv(home);
  const store: Store = url
    ? await openPostgres({ url, pool: 2, random: Math.random })
    : await openSqlite(join(home, "cct.db"));
  const works = await openClockwork(undefined, store);
  const known: TestPeer[] = [];
  for (const name of Object.keys(peers)) known.push(await works.newPeer(name));
  await prepare(works);
  for (const [i, hours] of Object.values(peers).entries())
    await store.tx((sql) =>
      sql(
        "UPDATE peers SET presence = 'offline', last_seen = $2 WHERE peer_id = $1",
        known[i]?.peer_id ?? "",
        Date.now() - hours * HOUR,
      ),
    );
  await store.close();
  return { home, known };
}

describe("a broker that has as many peers as it may have", () => {
  test("removes one that is away, the longest away first, to let a new session in", async () => {
    const { home, known } = await homeWith({ week: 168, days: 72, hours: 5 });
    const broker = await startBroker({ home, env: { CCT_MAX_PEERS: "3" } });
    const [week, days, hours] = known;
    expect((await newPeer(broker, "new")).name).toBe("new");
    // Those that were away for a day make room together.
    for (const gone of [week, days])
      expect(await refused(broker, "heartbeat", { host_pid: 1, held: [] }, gone)).toMatchObject({
        code: "unauthorized",
      });
    if (hours) await ok(broker, "register", hours.place, hours);
  });

  test("refuses when none can be removed, and says what to do; the operator's word makes room", async () => {
    const { home } = await homeWith({ mail: 168, hours: 5 }, async (works) => {
      await works.call("send_message", { to: "mail", text: "still waits" });
    });
    const broker = await startBroker({ home, env: { CCT_MAX_PEERS: "2" } });
    const newcomer = { ...place(), name: "new" };
    expect(await refused(broker, "register", newcomer)).toMatchObject({
      code: "rate_limited",
      message: expect.stringMatching(/the limit is 2.*none can be removed/),
      hint: expect.stringMatching(/peers forget.*max_peers/),
    });
    await ok(broker, "forget_peer", { peer: "hours" });
    expect(await ok(broker, "register", newcomer)).toMatchObject({ name: "new" });
  });

  test("lets any number of conversations come and go", async () => {
    const { home } = await homeWith(Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`old-${i}`, 48 + i])));
    const broker = await startBroker({ home, env: { CCT_MAX_PEERS: "120" } });
    for (let i = 0; i < 120; i++) expect((await newPeer(broker, `new-${i}`)).name).toBe(`new-${i}`);
    expect((await refused(broker, "register", { ...place(), name: "one-more" })).code).toBe("rate_limited");
  });
});
