/** Release votes: proposing, voting, and the result. */
import { beforeAll, describe, expect, test } from "vitest";
import { call, ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { everything, lastSeq, newsFor, newTeam, status, taken } from "../support/pools.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

/** Ann proposes to release the second member. */
async function proposed(size: number) {
  const team = await newTeam(broker, size);
  const [ann, ben] = team.peers as [TestPeer, TestPeer, ...TestPeer[]];
  const since = await lastSeq(broker);
  const proposal = await ok(
    broker,
    "propose_release",
    { pool: team.pool, peer: ben.name, reason: "its part is merged" },
    ann,
  );
  return { ...team, ann, ben, others: team.peers.slice(2), since, proposal };
}

const vote = (id: string, vote: "yes" | "no" | "abstain", as: TestPeer | undefined) =>
  ok(broker, "vote_release", { proposal_id: id, vote }, as);

describe("a proposal", () => {
  test("goes to all members, including the one to be released, and wakes each once; the proposer's vote is yes", async () => {
    const { ann, ben, others, since, proposal, pool, peers } = await proposed(4);
    expect(proposal).toMatchObject({ state: "open", subject: ben.name, proposer: ann.name, needed: 3 });
    expect(proposal.voters.map(({ name }) => name).sort()).toEqual(peers.map(({ name }) => name));
    expect(proposal.votes).toEqual([{ peer_id: ann.peer_id, name: ann.name, vote: "yes" }]);
    for (const peer of [ben, ...others]) {
      const [told, ...more] = await newsFor(broker, peer, since);
      expect(more).toEqual([]);
      expect(told).toMatchObject({ urgency: "normal", from: "cct", to: `@${pool}` });
      for (const part of [
        ann.name,
        ben.name,
        '"its part is merged"',
        `proposal_id="${proposal.proposal_id.slice(0, 8)}"`,
        "within 10 min",
        "3 of 4",
      ])
        expect(told?.text).toContain(part);
    }
    expect(await newsFor(broker, ann, since)).toEqual([]);
    expect((await status(broker, pool)).open_proposals).toEqual([proposal]);
  });

  test("passes with more than half of the voter snapshot; the result wakes only the released member", async () => {
    const { ann, ben, others, since, proposal, pool } = await proposed(3);
    const [carol] = others as [TestPeer];
    // She has read the proposal; otherwise its result would replace it.
    await ok(broker, "check_messages", {}, carol);
    expect(await vote(proposal.proposal_id.slice(0, 8), "yes", carol)).toMatchObject({
      state: "passed",
      outcome: `2 of 3 voted yes, 2 needed; ${ben.name} did not vote`,
    });
    const told = (await newsFor(broker, ben, since)).filter(({ urgency }) => urgency === "normal");
    expect(told.map(({ text }) => text)).toEqual([
      expect.stringContaining("proposes to release"),
      expect.stringContaining(`@${pool} has released you`),
    ]);
    expect(told.map(({ to }) => to)).toEqual([`@${pool}`, `@${pool}/${ben.name}`]);
    for (const part of ['"its part is merged"', "cct_leave_pool", "stop that poll", "15 minutes", "2 of 3"])
      expect(told[1]?.text).toContain(part);
    // The instructions contain everything, so there is no separate report.
    expect(await newsFor(broker, ben, since)).toHaveLength(2);
    for (const peer of [ann, carol]) {
      const news = await newsFor(broker, peer, since);
      expect(news.filter(({ urgency }) => urgency === "normal")).toHaveLength(peer === ann ? 0 : 1);
      expect(news.filter(({ text }) => text.includes("is passed: 2 of 3"))).toHaveLength(1);
    }
    expect((await taken(broker, ann)).join()).toContain(`${ben.name} is released.`);
    // It gets no more broadcasts, but direct messages.
    const { recipients } = await ok(broker, "send_message", { to: `@${pool}`, text: "without ben" }, ann);
    expect(recipients.map(({ name }) => name)).toEqual([carol.name]);
    await ok(broker, "send_message", { to: `@${pool}/${ben.name}`, text: "thanks" }, ann);
    expect((await status(broker, pool)).members.find(({ name }) => name === ben.name)?.released).toBe(true);
    // Joining does not undo the release, and another vote is refused.
    expect(await refused(broker, "join_pool", { pool }, ben)).toMatchObject({ status: 409 });
    const again = { pool, peer: ben.name, reason: "again" };
    expect(await refused(broker, "propose_release", again, ann)).toMatchObject({ status: 409 });
    expect((await ok(broker, "leave_pool", { pool }, ben)).pool.size).toBe(2);
  });

  test("in a pool of two needs both votes, so that nobody is released against its will", async () => {
    const { ben, proposal, pool } = await proposed(2);
    expect(proposal).toMatchObject({ needed: 2, state: "open" });
    expect(await vote(proposal.proposal_id, "no", ben)).toMatchObject({ state: "rejected" });
    expect((await status(broker, pool)).members.map(({ released }) => released)).toEqual([false, false]);
  });

  test("to release the lead passes the lead on", async () => {
    const { pool, peers } = await newTeam(broker, 3);
    const [ann, ben, carol] = peers as [TestPeer, TestPeer, TestPeer];
    const { proposal_id } = await ok(broker, "propose_release", { pool, peer: ann.name, reason: "tired" }, ben);
    await vote(proposal_id, "yes", carol);
    expect((await status(broker, pool)).members).toMatchObject([
      { name: ann.name, role: "member", released: true },
      { name: ben.name, role: "lead" },
      { name: carol.name, role: "member" },
    ]);
  });

  test("can be about the proposer, whose vote is yes", async () => {
    const { pool, peers } = await newTeam(broker, 3);
    const [ann, ben] = peers as [TestPeer, TestPeer];
    const { proposal_id, votes } = await ok(broker, "propose_release", { pool, peer: ben.name, reason: "done" }, ben);
    expect(votes.map(({ name }) => name)).toEqual([ben.name]);
    expect(await vote(proposal_id, "yes", ann)).toMatchObject({ state: "passed" });
  });

  test("by the operator starts without a vote", async () => {
    const { pool, peers } = await newTeam(broker, 2);
    const [ann, ben] = peers as [TestPeer, TestPeer];
    const made = await ok(broker, "propose_release", { pool, peer: ann.name, reason: "the day is over" });
    expect(made).toMatchObject({ state: "open", proposer: "the operator", votes: [] });
    await vote(made.proposal_id, "yes", ann);
    expect(await vote(made.proposal_id, "yes", ben)).toMatchObject({ state: "passed" });
  });
});

describe("a vote", () => {
  test("can be changed while the proposal is open; the last vote counts", async () => {
    const { others, ben, proposal } = await proposed(4);
    const [carol, dan] = others as [TestPeer, TestPeer];
    await vote(proposal.proposal_id, "no", carol);
    await vote(proposal.proposal_id, "abstain", carol);
    const open = await vote(proposal.proposal_id, "yes", carol);
    expect(open).toMatchObject({ state: "open", outcome: expect.stringContaining("2 of 4 voted yes, 3 needed") });
    expect(open.votes).toHaveLength(2);
    await vote(proposal.proposal_id, "no", ben);
    expect(await vote(proposal.proposal_id, "yes", dan)).toMatchObject({ state: "passed" });
  });

  test("is refused after the decision, which cannot be changed", async () => {
    const { others, ann, proposal } = await proposed(3);
    const [carol] = others as [TestPeer];
    await vote(proposal.proposal_id, "yes", carol);
    const before = await everything(broker);
    for (const peer of [ann, carol]) {
      const error = await refused(broker, "vote_release", { proposal_id: proposal.proposal_id, vote: "no" }, peer);
      expect(error).toMatchObject({ status: 409, message: expect.stringContaining("is passed: 2 of 3") });
    }
    for (const decision of ["passed", "rejected", "withdrawn"])
      expect(await refused(broker, "decide_release", { proposal_id: proposal.proposal_id, decision })).toMatchObject({
        status: 409,
      });
    expect(await everything(broker)).toEqual(before);
  });

  test("counts for members of the snapshot: not for later members, but for those that left, ended or were renamed", async () => {
    const { pool, others, proposal } = await proposed(5);
    const [carol, dan, eve] = others as [TestPeer, TestPeer, TestPeer];
    const late = await newPeer(broker, "latecomer");
    await ok(broker, "join_pool", { pool }, late);
    const error = await refused(broker, "vote_release", { proposal_id: proposal.proposal_id, vote: "no" }, late);
    expect(error).toMatchObject({ status: 403, hint: expect.stringContaining(carol.name) });
    await ok(broker, "leave_pool", { pool }, carol);
    await ok(broker, "set_summary", { summary: "", name: `${dan.name}-new` }, dan);
    await ok(broker, "unregister", { host_pid: eve.place.host_pid }, eve);
    expect(await vote(proposal.proposal_id, "yes", carol)).toMatchObject({ state: "open", needed: 3 });
    const passed = await vote(proposal.proposal_id.slice(0, 8), "yes", dan);
    expect(passed).toMatchObject({ state: "passed", needed: 3 });
    expect(passed.voters).toHaveLength(5);
    expect(passed.votes.map(({ name }) => name)).toContain(dan.name);
  });

  test("by twenty at once decides once: one instruction, and one result for each", async () => {
    const { pool, peers } = await newTeam(broker, 2);
    const [ann, ben] = peers as [TestPeer, TestPeer];
    const crowd = await Promise.all(Array.from({ length: 20 }, (_, i) => newPeer(broker, `voter-${i}`)));
    await Promise.all(crowd.map((peer) => ok(broker, "join_pool", { pool }, peer)));
    const since = await lastSeq(broker);
    const { proposal_id } = await ok(broker, "propose_release", { pool, peer: ben.name, reason: "done" }, ann);
    await Promise.all(crowd.map((peer) => ok(broker, "check_messages", {}, peer)));
    const answers = await Promise.all(
      crowd.map((peer) => call(broker, "vote_release", { proposal_id, vote: "yes" }, peer)),
    );
    // 12 of 22 votes are needed; ann's was cast with the proposal.
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(11);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(9);
    expect(answers.filter(({ text }) => text.includes('"state":"passed"'))).toHaveLength(1);
    const told = await newsFor(broker, ben, since);
    expect(told.filter(({ text }) => text.includes("has released you"))).toHaveLength(1);
    for (const peer of crowd) {
      const news = await newsFor(broker, peer, since);
      expect(news.filter(({ urgency }) => urgency === "normal")).toHaveLength(1);
      expect(news.filter(({ text }) => text.includes("is passed:"))).toHaveLength(1);
    }
  });
});

describe("a proposal that has become obsolete", () => {
  test("is withdrawn when the member leaves, and all voters are told why", async () => {
    const { pool, ann, ben, proposal, since } = await proposed(3);
    await ok(broker, "leave_pool", { pool }, ben);
    expect((await status(broker, pool)).open_proposals).toEqual([]);
    const told = await newsFor(broker, ann, since);
    expect(told.map(({ text }) => text)).toContainEqual(
      expect.stringContaining(`is withdrawn: ${ben.name} left the pool.`),
    );
    const late = { proposal_id: proposal.proposal_id, vote: "yes" };
    expect(await refused(broker, "vote_release", late, ann)).toMatchObject({ status: 409 });
    // When it comes back, it can be proposed again.
    await ok(broker, "join_pool", { pool }, ben);
    await ok(broker, "propose_release", { pool, peer: ben.name, reason: "again" }, ann);
  });

  test("is withdrawn when the pool is archived", async () => {
    const { pool, ann, others, since } = await proposed(3);
    await ok(broker, "archive_pool", { pool }, ann);
    const [carol] = others as [TestPeer];
    expect((await newsFor(broker, carol, since)).map(({ text }) => text)).toContainEqual(
      expect.stringContaining("is withdrawn: the pool was archived."),
    );
  });

  test("can be withdrawn by its proposer, not by other peers", async () => {
    const { ann, ben, others, proposal } = await proposed(3);
    const take = { proposal_id: proposal.proposal_id, decision: "withdrawn" as const };
    for (const peer of [ben, ...others])
      expect(await refused(broker, "decide_release", take, peer)).toMatchObject({ status: 403 });
    for (const decision of ["passed", "rejected"])
      expect(await refused(broker, "decide_release", { ...take, decision }, ann)).toMatchObject({ status: 403 });
    expect(await ok(broker, "decide_release", take, ann)).toMatchObject({
      state: "withdrawn",
      outcome: `${ann.name} withdrew it`,
    });
  });

  test("is created only once when several propose the same at once", async () => {
    const { pool, peers } = await newTeam(broker, 4);
    const input = { pool, peer: peers[3]?.name ?? "", reason: "done" };
    const answers = await Promise.all(peers.slice(0, 3).map((peer) => call(broker, "propose_release", input, peer)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    expect((await status(broker, pool)).open_proposals).toHaveLength(1);
  });
});

describe("the operator's decision", () => {
  test.each(["passed", "rejected", "withdrawn"] as const)("ends a proposal: %s", async (decision) => {
    const { pool, ben, ann, proposal, since } = await proposed(3);
    expect(await ok(broker, "decide_release", { proposal_id: proposal.proposal_id, decision })).toMatchObject({
      state: decision,
      outcome: "the operator decided it",
    });
    const member = (await status(broker, pool)).members.find(({ name }) => name === ben.name);
    expect(member?.released).toBe(decision === "passed");
    expect((await newsFor(broker, ann, since)).map(({ text }) => text)).toContainEqual(
      expect.stringContaining(`is ${decision}: the operator decided it.`),
    );
  });
});
