/** Votes are counted by process and membership: a program with many peers cannot release whom it likes. */
import { describe, expect, test } from "vitest";
import { MIN_MEMBERSHIP_MS } from "../../src/rules/electorate.ts";
import { call, ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { openClockwork } from "../support/clockwork.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { newsFor, newTeam, status } from "../support/pools.ts";
import { rejectedBy } from "../support/thrown.ts";

/** One program that registers four peers. */
async function program(broker: TestBroker): Promise<TestPeer[]> {
  const peers: TestPeer[] = [];
  for (let i = 1; i <= 4; i++) peers.push(await newPeer(broker, `mallory-${i}`, { host_pid: 66 }));
  return peers;
}

/** The program's first peer proposes to release the lead, and all of its peers vote. */
async function attack(broker: TestBroker, pool: string, lead: TestPeer, peers: TestPeer[]) {
  const [first] = peers;
  const made = await ok(broker, "propose_release", { pool, peer: lead.name, reason: "trust me" }, first);
  for (const peer of peers) await call(broker, "vote_release", { proposal_id: made.proposal_id, vote: "yes" }, peer);
  return made;
}

describe("one program with four peers", () => {
  test("that joins a pool of three has one vote, and cannot release its lead", async () => {
    const broker = await startBroker();
    const { pool, peers } = await newTeam(broker, 3);
    const [ann, ben] = peers as [TestPeer, TestPeer];
    const four = await program(broker);
    for (const peer of four) await ok(broker, "join_pool", { pool }, peer);
    const made = await attack(broker, pool, ann, four);
    expect(made).toMatchObject({ state: "open", needed: 3 });
    expect(made.voters).toHaveLength(4);
    const left = four.slice(1).map(({ name }) => name);
    expect(made.without_vote.map(({ name }) => name)).toEqual(left);
    for (const { reason } of made.without_vote) expect(reason).toBe("it runs in the same process as mallory-1");
    const [open] = (await status(broker, pool)).open_proposals;
    expect(open).toMatchObject({ state: "open", votes: [{ name: "mallory-1", vote: "yes" }] });
    expect((await status(broker, pool)).members.find(({ name }) => name === ann.name)).toMatchObject({
      role: "lead",
      released: false,
    });
    const vote = { proposal_id: made.proposal_id, vote: "yes" };
    const error = await refused(broker, "vote_release", vote, four[1]);
    expect(error).toMatchObject({ status: 403, message: expect.stringContaining("same process as mallory-1") });
    // Voters read it in the proposal, the others are not asked.
    const [told] = (await newsFor(broker, ben, 0)).filter(({ text }) => text.includes("proposes to release"));
    expect(told?.text).toContain(
      "It takes 3 of 4 votes. No vote: mallory-2 (it runs in the same process as mallory-1)",
    );
    const asked = (await newsFor(broker, four[1] as TestPeer, 0)).filter(({ urgency }) => urgency === "normal");
    expect(asked).toEqual([]);
  });

  test("that one member invites into a private pool has one vote", async () => {
    const broker = await startBroker();
    const [ann, ben, carol] = [
      await newPeer(broker, "ann"),
      await newPeer(broker, "ben"),
      await newPeer(broker, "carol"),
    ];
    await ok(broker, "create_pool", { name: "secret", purpose: "tests", private: true }, ann);
    for (const peer of [ben, carol]) await ok(broker, "invite_to_pool", { pool: "secret", peer: peer.name }, ann);
    const four = await program(broker);
    for (const peer of four) await ok(broker, "invite_to_pool", { pool: "secret", peer: peer.name }, carol);
    const made = await attack(broker, "secret", ann, four);
    expect(made.voters.map(({ name }) => name).sort()).toEqual(["ann", "ben", "carol", "mallory-1"]);
    expect((await status(broker, "secret")).open_proposals).toHaveLength(1);
  });
});

test("peers that make up a process each have no vote before ten minutes, and cannot propose; then they do", async () => {
  const works = await openClockwork();
  const team = [await works.newPeer("ann"), await works.newPeer("ben"), await works.newPeer("carol")];
  const [ann, ben, carol] = team as [TestPeer, TestPeer, TestPeer];
  await works.call("create_pool", { name: "team", purpose: "tests" }, ann);
  for (const peer of [ben, carol]) await works.call("join_pool", { pool: "team" }, peer);
  await works.pass(MIN_MEMBERSHIP_MS + 1, ...team);
  const four: TestPeer[] = [];
  for (let i = 1; i <= 4; i++) four.push(await works.newPeer(`mallory-${i}`));
  const [first] = four as [TestPeer];
  for (const peer of four) await works.call("join_pool", { pool: "team" }, peer);
  const all = [...team, ...four];
  await works.pass(MIN_MEMBERSHIP_MS - 1, ...all);
  const release = { pool: "team", peer: "ann", reason: "trust me" };
  expect(await rejectedBy(works.call("propose_release", release, first))).toMatchObject({
    code: "forbidden",
    message: "This session has no vote on this proposal: it joined less than 10 minutes before.",
    hint: expect.stringMatching(/^Voters: (ann|ben|carol), /),
  });
  const made = await works.call("propose_release", release, carol);
  expect(made).toMatchObject({ needed: 2, voters: [{ name: "ann" }, { name: "ben" }, { name: "carol" }] });
  expect(made.without_vote).toHaveLength(4);
  for (const peer of four) {
    const vote = works.call("vote_release", { proposal_id: made.proposal_id, vote: "yes" }, peer);
    expect((await rejectedBy(vote)).code).toBe("forbidden");
  }
  await works.call("decide_release", { proposal_id: made.proposal_id, decision: "withdrawn" }, carol);
  // A newcomer has a vote on its own release.
  const own = await works.call("propose_release", { pool: "team", peer: "mallory-2", reason: "unknown" }, ann);
  expect(own.voters.map(({ name }) => name)).toEqual(["ann", "ben", "carol", "mallory-2"]);
  await works.pass(1, ...all);
  expect((await works.call("propose_release", release, first)).voters).toHaveLength(7);
});
