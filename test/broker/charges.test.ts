/** Mail that the broker makes is charged to the peer whose call causes it, and what waits is replaced by what is true now. */
import { describe, expect, test } from "vitest";
import { type Answer, call, ok, refusal, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { newTeam, status, taken } from "../support/pools.ts";

/** Repeats calls until one is refused; returns how many were not, and the refusal. */
async function untilRefused(make: (i: number) => Promise<Answer>, most: number) {
  for (let i = 0; i < most; i++) {
    const answer = await make(i);
    if (answer.status !== 200) return { done: i, end: refusal(answer) };
  }
  return { done: most, end: undefined };
}

/** The broker's reports that wait for a peer, without taking them. */
async function waiting(broker: TestBroker, peer: TestPeer): Promise<string[]> {
  const { messages } = await ok(broker, "messages", { peer: peer.name, limit: 500 });
  const theirs = messages.filter(({ from, recipients }) => {
    const mine = recipients.find((one) => one.peer_id === peer.peer_id);
    return from === "cct" && mine?.state === "queued";
  });
  return theirs.map(({ text, urgency }) => `${urgency}: ${text}`).toReversed();
}

const LIMIT = 30;
const few = { CCT_SENDS_PER_MINUTE: String(LIMIT) };

describe("a peer that makes the broker report", () => {
  test("and withdraws it, again and again, is refused at its own rate, and each member has one report of it", async () => {
    const broker = await startBroker({ env: few });
    const { pool, peers } = await newTeam(broker, 4);
    const [ann, ben, carol] = peers as [TestPeer, TestPeer, TestPeer];
    for (const peer of peers) await ok(broker, "check_messages", {}, peer);
    const round = async (i: number): Promise<Answer> => {
      const input = { pool, peer: ben.name, reason: `words of the proposer ${i}` };
      const proposed = await call(broker, "propose_release", input, ann);
      if (proposed.status !== 200) return proposed;
      const { proposal_id } = proposed.json as { proposal_id: string };
      return call(broker, "decide_release", { proposal_id, decision: "withdrawn" }, ann);
    };
    const { done, end } = await untilRefused(round, 400);
    // Three are told of a proposal, which they may have to act on. A result counts as one message.
    expect(done).toBeLessThanOrEqual(Math.ceil(LIMIT / 4));
    expect(end).toMatchObject({
      status: 429,
      code: "rate_limited",
      message: expect.stringContaining("would cause more"),
    });
    for (const peer of [ben, carol]) {
      expect(await waiting(broker, peer)).toHaveLength(1);
    }
    const { notes } = await ok(broker, "notes", {});
    expect(notes.map(({ text }) => text)).toEqual([expect.stringContaining(`${ann.name} did too much`)]);
    // The colleagues are not charged for it.
    await ok(broker, "send_message", { to: ann.name, text: "please stop" }, ben);
    await ok(broker, "propose_release", { pool, peer: ann.name, reason: "it does not stop" }, carol);
  });

  test("by changing its role for ever is refused, and the pool's mailboxes stay open", async () => {
    const broker = await startBroker({ env: { ...few, CCT_MAILBOX_MESSAGES: "5" } });
    const { pool, peers } = await newTeam(broker, 3);
    const [ann, ben, carol] = peers as [TestPeer, TestPeer, TestPeer];
    for (const peer of peers) await ok(broker, "check_messages", {}, peer);
    const { done, end } = await untilRefused(
      (i) => call(broker, "join_pool", { pool, role: `role-${i}` }, carol),
      2208,
    );
    expect(done).toBeLessThanOrEqual(LIMIT);
    expect(end).toMatchObject({ code: "rate_limited" });
    for (const peer of [ann, ben]) {
      expect(await waiting(broker, peer)).toEqual([]);
      expect(await taken(broker, peer)).toEqual([expect.stringContaining(`now has the role "role-${done - 1}"`)]);
    }
    // Nothing of the refused call was done.
    expect((await status(broker, pool)).members.find(({ name }) => name === carol.name)?.role).toBe(`role-${done - 1}`);
    expect((await ok(broker, "send_message", { to: `@${pool}`, text: "still here" }, ann)).recipients).toHaveLength(2);
  });

  test("is charged for it like for its messages, and the other way round", async () => {
    const broker = await startBroker({ env: few });
    const { pool, peers } = await newTeam(broker, 2);
    const [ann, ben] = peers as [TestPeer, TestPeer];
    const { done } = await untilRefused((i) => call(broker, "send_message", { to: ben.name, text: `${i}` }, ann), 100);
    expect(done).toBe(LIMIT);
    const propose = { pool, peer: ben.name, reason: "done" };
    expect(await refused(broker, "propose_release", propose, ann)).toMatchObject({ code: "rate_limited" });
    expect((await status(broker, pool)).open_proposals).toEqual([]);
    // What keeps a session alive is never refused for it.
    await ok(broker, "heartbeat", { host_pid: ann.place.host_pid, held: [] }, ann);
    await ok(broker, "unregister", { host_pid: ann.place.host_pid }, ann);
  });

  test("by its busy signals is refused, and can always become ready", async () => {
    const broker = await startBroker({ env: few });
    const { pool, peers } = await newTeam(broker, 1);
    const [ann] = peers as [TestPeer];
    const poller = await newPeer(broker, "poller", { polls: true });
    await ok(broker, "join_pool", { pool }, poller);
    const busy = (i: number) => call(broker, "set_busy", { reason: `test ${i}`, estimate_seconds: 100 }, ann);
    const { done, end } = await untilRefused(busy, 100);
    expect(done).toBe(LIMIT);
    expect(end).toMatchObject({ code: "rate_limited" });
    await ok(broker, "set_ready", {}, ann);
    expect(await waiting(broker, poller)).toEqual([expect.stringContaining(`${ann.name} is ready`)]);
  });

  test("when a person does it is not refused", async () => {
    const broker = await startBroker({ env: { CCT_SENDS_PER_MINUTE: "3" } });
    const { pool, peers } = await newTeam(broker, 3);
    for (let i = 0; i < 6; i++) {
      const proposal = { pool, peer: peers[1]?.name ?? "", reason: `${i}` };
      const { proposal_id } = await ok(broker, "propose_release", proposal);
      await ok(broker, "decide_release", { proposal_id, decision: "withdrawn" });
    }
  });
});

describe("a report that waits", () => {
  test("is replaced by a later one on the same matter; one that was taken stays", async () => {
    const broker = await startBroker();
    const { pool, peers } = await newTeam(broker, 3);
    const [ann, ben, carol] = peers as [TestPeer, TestPeer, TestPeer];
    for (const peer of peers) await ok(broker, "check_messages", {}, peer);
    const { proposal_id } = await ok(broker, "propose_release", { pool, peer: ben.name, reason: "done" }, ann);
    const taken = await ok(broker, "check_messages", {}, carol);
    await ok(broker, "decide_release", { proposal_id, decision: "withdrawn" }, ann);
    expect(taken.messages.map(({ text }) => text)).toEqual([expect.stringContaining("proposes to release")]);
    for (const peer of [ben, carol])
      expect(await waiting(broker, peer)).toEqual([expect.stringMatching(/^low: .*is withdrawn/)]);
    const [claim] = taken.messages;
    const acks = [{ message_id: claim?.message_id ?? "", attempt: claim?.attempt ?? 0, outcome: "read" as const }];
    expect(await ok(broker, "ack_messages", { acks }, carol)).toEqual({ acknowledged: 1, stale: 0 });
    // The history of the pool is complete.
    const texts = (await status(broker, pool)).recent_messages.map(({ text }) => text);
    expect(texts.filter((text) => text.includes("to release"))).toHaveLength(2);
  });

  test("on another member, another pool, or for somebody else, is not replaced", async () => {
    const broker = await startBroker();
    const { pool, peers } = await newTeam(broker, 4);
    const [ann, ben, carol, dan] = peers as [TestPeer, TestPeer, TestPeer, TestPeer];
    const other = await ok(broker, "create_pool", { name: "other", purpose: "tests" }, ann);
    await ok(broker, "join_pool", { pool: "other" }, ben);
    for (const peer of peers) await ok(broker, "check_messages", {}, peer);
    for (const [peer, name] of [
      [ben, pool],
      [carol, pool],
      [ben, other.pool.name],
    ] as const) {
      const proposed = await ok(broker, "propose_release", { pool: name, peer: peer.name, reason: "done" });
      await ok(broker, "decide_release", { proposal_id: proposed.proposal_id, decision: "withdrawn" });
    }
    expect(await waiting(broker, ann)).toHaveLength(3);
    expect(await waiting(broker, dan)).toHaveLength(2);
  });

  test("that names a new lead, or invites, is never replaced", async () => {
    const broker = await startBroker();
    const { pool, peers } = await newTeam(broker, 3);
    const [ann, ben, carol] = peers as [TestPeer, TestPeer, TestPeer];
    for (const peer of peers) await ok(broker, "check_messages", {}, peer);
    await ok(broker, "leave_pool", { pool }, ann);
    await ok(broker, "join_pool", { pool }, ann);
    expect(await waiting(broker, ben)).toEqual([expect.stringContaining(`${ben.name} is the new lead.`)]);
    expect(await taken(broker, carol)).toEqual([
      expect.stringMatching(`${ben.name} is the new lead. ${ann.name} .* joined`),
    ]);
    const eve = await newPeer(broker, "eve");
    await ok(broker, "invite_to_pool", { pool, peer: eve.name, reason: "you know it" }, ben);
    await ok(broker, "invite_to_pool", { pool, peer: eve.name, role: "tester" }, ben);
    expect(await waiting(broker, eve)).toEqual([
      expect.stringContaining('Reason: "you know it"'),
      expect.stringContaining('made you "tester"'),
    ]);
  });
});
