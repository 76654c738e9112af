/** Members of pools that are offline for long are released. */
import { describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import type { TestPeer } from "../support/peers.ts";
import { lastSeq, newsFor, newTeam, status, taken } from "../support/pools.ts";
import { until } from "../support/wait.ts";

describe("an absent member", () => {
  test("is shown offline, then released; the rest are told, and the last one's release archives the pool", async () => {
    // Three quarters of a second in which the broker listens; no clock makes that shorter.
    const impatient = await startBroker({ env: { CCT_POOL_ABSENCE_HOURS: "0.0002" } });
    const { pool, peers } = await newTeam(impatient, 2);
    const [ann, ben] = peers as [TestPeer, TestPeer];
    const since = await lastSeq(impatient);
    await ok(impatient, "unregister", { host_pid: ann.place.host_pid }, ann);
    // Or let go already.
    const shown = (await status(impatient, pool)).members.find(({ name }) => name === ann.name)?.presence;
    expect(["offline", undefined]).toContain(shown);
    await until("ann is let go", async () => (await status(impatient, pool)).members.length === 1);
    const mail = (await newsFor(impatient, ben, since)).map(({ urgency, text }) => `${urgency}: ${text}`);
    expect(mail).toEqual([`low: ${ben.name} is the new lead.`]);
    expect((await taken(impatient, ben)).join("\n")).toContain(
      `@${pool}: ${ann.name} is no longer a member: it was offline for too long.`,
    );
    await ok(impatient, "unregister", { host_pid: ben.place.host_pid }, ben);
    await until("the pool is archived", async () => (await status(impatient, pool)).pool.state === "archived");
    await ok(impatient, "register", ann.place, ann);
    expect((await ok(impatient, "join_pool", { pool }, ann)).pool.state).toBe("active");
  });

  test.each(["0", "-1", "many", "9000"])("an absence of %j hours is refused when the broker starts", async (hours) => {
    await expect(startBroker({ env: { CCT_POOL_ABSENCE_HOURS: hours } })).rejects.toThrow(/pool_absence_hours/i);
  });
});
