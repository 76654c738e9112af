/** Release votes: deadlines, the grace period after a release, and clock changes. */
import { beforeAll, describe, expect, test } from "vitest";
import { RELEASE_GRACE_MS } from "../../src/rules/pools.ts";
import { DEFAULT_DEADLINE_MS } from "../../src/rules/votes.ts";
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { testClock } from "../support/clock.ts";
import { openClockwork } from "../support/clockwork.ts";
import type { TestPeer } from "../support/peers.ts";
import { lastSeq, newsFor, newTeam, status } from "../support/pools.ts";
import { rejectedBy } from "../support/thrown.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
const clock = testClock();
beforeAll(async () => {
  broker = await startBroker({ clock });
});

describe("time", () => {
  test("ends a vote as expired, with the count, in a running broker", async () => {
    const { pool, peers } = await newTeam(broker, 3);
    const [ann, ben] = peers as [TestPeer, TestPeer];
    const since = await lastSeq(broker);
    const input = { pool, peer: ben.name, reason: "slow", deadline_seconds: 10 };
    const { proposal_id } = await ok(broker, "propose_release", input, ann);
    // A database's clock goes at its own pace: there it takes the ten seconds.
    clock.forward(10_000);
    await until("it has expired", async () => (await status(broker, pool)).open_proposals.length === 0);
    const [told] = await newsFor(broker, ann, since);
    expect(told?.text).toContain("is expired: the deadline passed: 1 of 3 voted yes, 2 needed");
    const late = { proposal_id, vote: "yes" };
    expect(await refused(broker, "vote_release", late, ben)).toMatchObject({ status: 409 });
  });

  test("is ten minutes for a vote, and fifteen for a released member to leave", async () => {
    const works = await openClockwork();
    const peers = [await works.newPeer("ann"), await works.newPeer("ben"), await works.newPeer("carol")];
    const [ann, ben, carol] = peers as [TestPeer, TestPeer, TestPeer];
    await works.call("create_pool", { name: "team", purpose: "tests" }, ann);
    for (const peer of [ben, carol]) await works.call("join_pool", { pool: "team" }, peer);
    const release = { pool: "team", peer: "ben", reason: "done" };
    const slow = await works.call("propose_release", release, ann);
    expect(slow.deadline).toBe(works.now() + DEFAULT_DEADLINE_MS);
    await works.pass(DEFAULT_DEADLINE_MS - 1, ...peers);
    expect((await works.call("pool_status", { pool: "team" })).open_proposals).toHaveLength(1);
    await works.pass(1, ...peers);
    expect((await works.call("pool_status", { pool: "team" })).open_proposals).toHaveLength(0);

    const { proposal_id } = await works.call("propose_release", release, ann);
    await works.call("vote_release", { proposal_id, vote: "yes" }, carol);
    await works.pass(RELEASE_GRACE_MS - 1, ...peers);
    expect((await works.call("pool_status", { pool: "team" })).members).toHaveLength(3);
    await works.pass(1, ...peers);
    const { members, recent_messages } = await works.call("pool_status", { pool: "team" });
    expect(members.map(({ name }) => name).sort()).toEqual(["ann", "carol"]);
    expect(recent_messages[0]?.text).toBe("ben is no longer a member: it was released.");
  });

  test("is up for a vote exactly at its deadline, not only at the next sweep", async () => {
    const works = await openClockwork();
    const [ann, ben] = [await works.newPeer("ann"), await works.newPeer("ben")];
    await works.call("create_pool", { name: "team", purpose: "tests" }, ann);
    await works.call("join_pool", { pool: "team" }, ben);
    const { proposal_id } = await works.call("propose_release", { pool: "team", peer: "ben", reason: "done" }, ann);
    works.setOn(DEFAULT_DEADLINE_MS);
    const late = await rejectedBy(works.call("vote_release", { proposal_id, vote: "yes" }, ben));
    expect(late).toMatchObject({ code: "conflict", message: "The voting time is over." });
  });

  test("that is set back or ahead releases nobody; a day in which the broker listened releases absent members", async () => {
    const works = await openClockwork();
    const [ann, ben] = [await works.newPeer("ann"), await works.newPeer("ben")];
    await works.call("create_pool", { name: "team", purpose: "tests" }, ann);
    await works.call("join_pool", { pool: "team" }, ben);
    await works.pass(-3_600_000);
    expect((await works.call("pool_status", { pool: "team" })).members).toHaveLength(2);
    await works.pass(1000, ann, ben);
    // Only now the broker sees that ben is gone.
    await works.pass(24 * 3_600_000, ann);
    expect((await works.call("pool_status", { pool: "team" })).members).toHaveLength(2);
    await works.pass(24 * 3_600_000, ann);
    expect((await works.call("pool_status", { pool: "team" })).members.map(({ name }) => name)).toEqual(["ann"]);
  });
});
