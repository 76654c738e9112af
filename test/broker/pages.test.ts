/** Listings come in pages: every row once, and what the broker holds of one kind is bounded. */
import { beforeAll, describe, expect, test } from "vitest";
import type { OperationName } from "../../src/operations/index.ts";
import { MAX_DEVICE_POOLS, MAX_MEMBERSHIPS, MAX_POLICIES } from "../../src/rules/quotas.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import type { TestPeer } from "../support/peers.ts";
import { fill } from "../support/rows.ts";
import { rejectedBy } from "../support/thrown.ts";

const PAGE = 40;
const N = PAGE + 37;

let works: Clockwork;
let me: TestPeer;
beforeAll(async () => {
  works = await openClockwork(undefined, undefined, { page: PAGE });
  me = await works.newPeer("me");
  await fill.pools(works, N);
  await fill.services(works, N, me);
  await fill["held mail"](works, N, me);
  await fill.devices(works, N);
  await fill.notes(works, N);
  const { peers } = await works.call("list_peers", { all: true, limit: N + 1 });
  const others = peers.filter(({ peer_id }) => peer_id !== me.peer_id);
  await works.fill("policies", [
    ...others.map(({ peer_id: source }) => ({ peer_id: me.peer_id, source, policy: "hold" })),
    { peer_id: String(others[0]?.peer_id), source: "", policy: "refuse" },
  ]);
});

/** By operation: the field of its rows, what makes each one unique, and how many there are. */
const listings: [OperationName, string, string, number][] = [
  ["list_pools", "pools", "pool_id", N],
  // Ours as well.
  ["list_peers", "peers", "peer_id", N + 1],
  ["list_services", "services", "service_id", N],
  ["list_devices", "devices", "device_id", N],
  ["notes", "notes", "text", N],
  ["held_messages", "held", "message_id", N],
  // And one mailbox has a policy for all the rest.
  ["list_policies", "policies", "ref", N + 1],
];

const page = async (name: OperationName, input: object): Promise<Record<string, unknown>> =>
  works.call(name, { ...(name === "list_peers" && { all: true }), ...input } as never);

async function walk(name: OperationName, field: string, limit: number): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  let after: unknown;
  do {
    const answer = await page(name, { limit, ...(after === undefined ? {} : { after }) });
    const rows = answer[field] as Record<string, unknown>[];
    expect(rows.length).toBeLessThanOrEqual(limit);
    all.push(...rows);
    after = answer.next;
  } while (after !== undefined);
  return all;
}

describe.each(listings)("%s", (name, field, key, count) => {
  test("shows a page, and says that there is more; all pages show every row once", async () => {
    const first = await page(name, {});
    expect(first[field]).toHaveLength(PAGE);
    expect(first.next).toEqual(expect.any(String));
    const whole = await walk(name, field, 500);
    expect(whole).toHaveLength(count);
    for (const limit of [100, 7]) expect(await walk(name, field, limit)).toEqual(whole);
    expect(new Set(whole.map((row) => row[key])).size).toBe(count);
  });

  test("refuses what is not the end of a page", async () => {
    for (const after of ["x", "1", "1.2.3.4", ".", "1e400.abc"])
      expect(await rejectedBy(page(name, { after }))).toMatchObject({ code: "bad_request" });
    for (const limit of [0, 5001])
      expect(await rejectedBy(page(name, { limit }))).toMatchObject({ code: "bad_request" });
  });
});

describe("a bound", () => {
  test("on the pools in all refuses one more, but not to a person", async () => {
    const one = { name: "one-more", purpose: "growth" };
    for (const [limits, pools, message] of [
      [{ pools: 30 }, 30, "Too many pools are active (30; the limit is 30)."],
      // All of them were created on the broker's machine.
      [{}, MAX_DEVICE_POOLS, "Too many active pools were created on this machine (1000; the limit is 1000)."],
    ] as const) {
      const full = await openClockwork(undefined, undefined, limits);
      const ann = await full.newPeer("ann");
      await fill.pools(full, pools);
      expect(await rejectedBy(full.call("create_pool", one, ann))).toMatchObject({ code: "rate_limited", message });
      await full.call("create_pool", one);
    }
  });

  test("on the services in all refuses one more", async () => {
    const full = await openClockwork(undefined, undefined, { services: 30 });
    const [ann, ben] = [await full.newPeer("ann"), await full.newPeer("ben")];
    await fill.services(full, 30, ann);
    const web = { kind: "web", url: "http://localhost:1", host: "other" };
    expect(await rejectedBy(full.call("register_service", web, ben))).toMatchObject({ code: "rate_limited" });
  });

  test("on the pools of one peer, and on its policies, refuses one more", async () => {
    const full = await openClockwork();
    const ann = await full.newPeer("ann");
    await fill.pools(full, Math.max(MAX_MEMBERSHIPS, MAX_POLICIES) + 1);
    const { peer_id } = ann;
    const { pools } = await full.call("list_pools", { limit: MAX_MEMBERSHIPS });
    const { peers } = await full.call("list_peers", { all: true, limit: MAX_POLICIES + 1 });
    const others = peers.filter((peer) => peer.peer_id !== peer_id).slice(0, MAX_POLICIES);
    const now = full.now();
    await full.fill(
      "members",
      pools.map(({ pool_id }) => ({ pool_id, peer_id, role: "member", joined_at: now })),
    );
    await full.fill(
      "policies",
      others.map((peer) => ({ peer_id, source: peer.peer_id, policy: "hold" })),
    );
    const join = full.call("join_pool", { pool: `pool-${MAX_MEMBERSHIPS}` }, ann);
    expect((await rejectedBy(join)).message).toContain("ann is in too many pools");
    const policy = (policy: "hold" | "refuse", from: string) => full.call("inbound_policy", { policy, from }, ann);
    await full.newPeer("ben");
    expect((await rejectedBy(policy("hold", "ben"))).code).toBe("rate_limited");
    // One that is set can be changed.
    await policy("refuse", others[0]?.name ?? "");
  });
});
