/** What the broker's work costs as its store grows: four times as much of something may cost about four times as much, never 16 times. */
import { describe, expect, test } from "vitest";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import type { TestPeer } from "../support/peers.ts";
import { fill } from "../support/rows.ts";
import { rejectedBy } from "../support/thrown.ts";

/** CPU time for four times as much. Linear work costs 4 times as much; the rest is noise. Work on every pair would be 16. */
const MOST = 5.5;
const SIZES = [1_000, 4_000];
/** Less than this is noise. */
const FLOOR_MS = 4;

type Work = (works: Clockwork, me: TestPeer) => Promise<unknown>;

/** The CPU time of the process for some rounds of the work: the least of several measurements. */
async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  await work();
  for (let i = 0; i < 5; i++) {
    const before = process.cpuUsage();
    for (let round = 0; round < 3; round++) await work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

/** What happens all the time, whatever has grown. */
const work: Record<string, Work> = {
  "a sweep": (works) => works.pass(0),
  "a heartbeat": (works, me) => works.call("heartbeat", { host_pid: me.place.host_pid, held: [] }, me),
  "a list of pools": (works, me) => works.call("list_pools", {}, me),
  "a list of peers": (works, me) => works.call("list_peers", {}, me),
  "a list of services": (works, me) => works.call("list_services", {}, me),
  "a list of held mail": (works) => works.call("held_messages", {}),
  "a mistyped pool": (works, me) => rejectedBy(works.call("join_pool", { pool: "poool" }, me)),
  "a mistyped peer": (works, me) => rejectedBy(works.call("send_message", { to: "poool", text: "x" }, me)),
};

const { devices: _, notes: __, ...grown } = fill;

describe.each(Object.entries(grown))("four times as many %s", (what, put) => {
  test("cost at most about four times as much", async () => {
    const costs: Record<string, number[]> = {};
    for (const size of SIZES) {
      const works = await openClockwork();
      const me = await works.newPeer("me");
      await put(works, size, me);
      // The first sweep sees for the first time who is away.
      await works.pass(0);
      for (const [name, run] of Object.entries(work)) {
        costs[name] ??= [];
        costs[name].push(await cpuOf(() => run(works, me)));
      }
    }
    if (process.env.CCT_TEST_SHOW) console.log(what, JSON.stringify(costs));
    for (const [name, all] of Object.entries(costs))
      for (const [i, cost] of all.slice(1).entries())
        expect(cost / Math.max(FLOOR_MS, all[i] ?? 0), `${name}: ${all.join(", ")} ms`).toBeLessThanOrEqual(MOST);
  });
});

test("a mistyped pool among 33,000 is not found, in few words", async () => {
  const works = await openClockwork();
  const me = await works.newPeer("me");
  await fill.pools(works, 33_000);
  for (const call of [
    () => works.call("send_message", { to: "@poool", text: "x" }, me),
    () => works.call("pool_status", { pool: "poool" }),
  ]) {
    const error = await rejectedBy(call());
    expect(error).toMatchObject({ code: "not_found", message: "There is no pool '@poool'." });
    expect(error.hint?.length).toBeLessThan(200);
  }
});
