/** What the operator does with peers: rename one, merge two, forget one. */
import { beforeAll, describe, expect, test } from "vitest";
import { call, ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { mailFor, newTeam, roles, taken } from "../support/pools.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

const end = (peer: TestPeer) => ok(broker, "unregister", { host_pid: peer.place.host_pid }, peer);
const at = (port: number) => ({ kind: "web", url: `http://localhost:${port}`, host: "elsewhere" });
const textsOf = async (peer: TestPeer): Promise<string[]> =>
  (await ok(broker, "check_messages", { limit: 100 }, peer)).messages.map(({ text }) => text);
const lastText = async (peer: TestPeer): Promise<string> => (await mailFor(broker, peer)).at(-1)?.text ?? "";

describe("renaming a peer", () => {
  test("gives it the new name at once, and tells it", async () => {
    const ann = await newPeer(broker, "ann-renamed");
    expect(await ok(broker, "rename_peer", { peer: "ann-renamed", name: "Chief" })).toEqual({
      peer_id: ann.peer_id,
      name: "Chief",
    });
    expect((await ok(broker, "send_message", { to: "chief", text: "hello" })).recipients).toMatchObject([
      { peer_id: ann.peer_id, name: "Chief" },
    ]);
    expect((await refused(broker, "send_message", { to: "ann-renamed", text: "hello" })).code).toBe("not_found");
    expect((await ok(broker, "heartbeat", { host_pid: ann.place.host_pid, held: [] }, ann)).name).toBe("Chief");
    expect((await mailFor(broker, ann))[0]?.text).toContain("renamed you from ann-renamed to Chief");
    expect(await ok(broker, "rename_peer", { peer: "chief", name: "Chief" })).toMatchObject({ name: "Chief" });
  });

  test("to a name that is taken, reserved or like an id is refused", async () => {
    const [one] = [await newPeer(broker, "one-of-two"), await newPeer(broker, "two-of-two")];
    expect((await refused(broker, "rename_peer", { peer: one.name, name: "TWO-of-two" })).code).toBe("conflict");
    for (const name of ["operator", "deadbeef", "-", one.peer_id])
      expect((await refused(broker, "rename_peer", { peer: one.name, name })).code).toBe("bad_request");
  });
});

describe("forgetting a peer", () => {
  test("removes it, frees its name and ends its secret; what it wrote stays readable", async () => {
    const ben = await newPeer(broker, "forgotten");
    const { message_id } = await ok(broker, "send_message", { to: "operator-like", text: "x" }, ben).catch(() => ({
      message_id: "",
    }));
    expect(message_id).toBe("");
    const eve = await newPeer(broker, "reads-it");
    await ok(broker, "send_message", { to: eve.name, text: "written by ben" }, ben);
    await end(ben);
    expect(await ok(broker, "forget_peer", { peer: "forgotten" })).toEqual({
      peer_id: ben.peer_id,
      name: "forgotten",
      messages: 0,
      pools: [],
    });
    expect((await refused(broker, "register", ben.place, ben)).code).toBe("unauthorized");
    expect((await refused(broker, "forget_peer", { peer: "forgotten" })).code).toBe("not_found");
    expect((await newPeer(broker, "forgotten")).name).toBe("forgotten");
    const { messages } = await ok(broker, "check_messages", {}, eve);
    expect(messages).toMatchObject([{ from_name: "forgotten", text: "written by ben" }]);
  });

  test("is refused for a live session, with and without force", async () => {
    const ben = await newPeer(broker, "lives");
    for (const force of [true, false]) {
      expect(await refused(broker, "forget_peer", { peer: ben.name, force })).toMatchObject({
        code: "conflict",
        message: expect.stringContaining("live session"),
      });
    }
  });

  test("that is still needed is refused with the reasons, and needs force; then senders and pools are told", async () => {
    const { pool, peers } = await newTeam(broker, 3);
    const [ann, ben, carol] = peers as [TestPeer, TestPeer, TestPeer];
    await ok(broker, "register_service", { ...at(5001), name: "preview" }, ben);
    await ok(broker, "propose_release", { pool, peer: ann.name, reason: "done" }, ben);
    const { message_id } = await ok(broker, "send_message", { to: ben.name, text: "will you?" }, carol);
    await end(ben);
    expect(await refused(broker, "forget_peer", { peer: ben.name })).toMatchObject({
      code: "conflict",
      message: `${ben.name} is still needed: 1 waiting message; membership in @${pool}; the services preview; open votes (1).`,
      hint: expect.stringContaining("force"),
    });
    expect(await ok(broker, "forget_peer", { peer: ben.name, force: true })).toMatchObject({
      messages: 1,
      pools: [pool],
    });
    expect((await ok(broker, "message_status", { message_id }, carol)).recipients).toMatchObject([
      { name: ben.name, state: "dead", reason: "the recipient was removed" },
    ]);
    expect((await mailFor(broker, carol)).map(({ text }) => text)).toContainEqual(
      expect.stringMatching(/^Your message .* is dead: the recipient was removed\. It began: "will you\?"/),
    );
    expect((await mailFor(broker, ann)).map(({ text }) => text)).toContainEqual(
      expect.stringContaining(`${ben.name} was removed by the operator.`),
    );
    expect(await roles(broker, pool)).toEqual([`${ann.name} lead`, `${carol.name} member`]);
    expect((await ok(broker, "pool_status", { pool })).open_proposals).toEqual([]);
    const { services } = await ok(broker, "list_services", {});
    expect(services.map(({ name }) => name)).not.toContain("preview");
    // Nothing goes to a peer that is no more.
    expect((await refused(broker, "resend_message", { message_id }, carol)).code).toBe("conflict");
  });
});

test("a session that ends for good is gone from lists, and the senders of its unread mail are told at once", async () => {
  const { pool, peers } = await newTeam(broker, 3);
  const [ann, ben, carol] = peers as [TestPeer, TestPeer, TestPeer];
  const send = (text: string) => ok(broker, "send_message", { to: ben.name, text }, carol);
  const shown = await send("was shown");
  const { messages } = await ok(broker, "check_messages", {}, ben);
  const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "delivered" as const }));
  await ok(broker, "ack_messages", { acks }, ben);
  const unread = await send("will you?");
  const other = { host_pid: ben.place.host_pid + 1, ends: true };
  expect(await ok(broker, "unregister", other, ben)).toEqual({ ended: false });
  expect(await ok(broker, "unregister", { host_pid: ben.place.host_pid, ends: true }, ben)).toEqual({
    ended: true,
  });

  const listed = await ok(broker, "list_peers", { pool, all: true });
  expect(listed.peers.map(({ name }) => name).sort()).toEqual([ann.name, carol.name].sort());
  const stateOf = async ({ message_id }: { message_id: string }) =>
    (await ok(broker, "message_status", { message_id }, carol)).recipients[0];
  expect(await stateOf(shown)).toMatchObject({ name: ben.name, state: "delivered" });
  const reason = "its session has ended, and does not return";
  expect(await stateOf(unread)).toMatchObject({ name: ben.name, state: "dead", reason });
  expect((await mailFor(broker, carol)).map(({ text }) => text)).toContainEqual(
    expect.stringMatching(
      /^Your message .* is dead: its session has ended, and does not return\. It began: "will you\?"/,
    ),
  );
  expect(await roles(broker, pool)).toEqual([`${ann.name} lead`, `${carol.name} member`]);
  expect((await refused(broker, "send_message", { to: ben.name, text: "x" }, carol)).code).toBe("not_found");
});

describe("merging two peers", () => {
  test("moves waiting mail, what was shown and not read, history, pools, votes and services", async () => {
    const { pool, peers } = await newTeam(broker, 3);
    const [old, ben, carol] = peers as [TestPeer, TestPeer, TestPeer];
    const heir = await newPeer(broker, "heir");
    await ok(broker, "register_service", { ...at(5002), name: "api" }, old);
    const said = await ok(broker, "send_message", { to: carol.name, text: "said before" }, old);
    await ok(broker, "send_message", { to: old.name, text: "shown" }, ben);
    const shown = await ok(broker, "check_messages", {}, old);
    const acks = shown.messages.map(({ message_id, attempt }) => ({
      message_id,
      attempt,
      outcome: "delivered" as const,
    }));
    await ok(broker, "ack_messages", { acks }, old);
    await ok(broker, "send_message", { to: old.name, text: "waits" }, ben);
    await ok(broker, "inbound_policy", { policy: "hold", from: carol.name }, old);
    await ok(broker, "send_message", { to: old.name, text: "held" }, carol);
    const { proposal_id } = await ok(broker, "propose_release", { pool, peer: ben.name, reason: "done" }, carol);
    await ok(broker, "send_message", { to: `@${pool}`, text: "to all" }, ben);
    expect((await refused(broker, "merge_peers", { from: old.name, into: "heir" })).code).toBe("conflict");
    await end(old);
    expect(await ok(broker, "merge_peers", { from: old.name, into: "heir" })).toEqual({
      peer_id: heir.peer_id,
      name: "heir",
      from_peer_id: old.peer_id,
      from_name: old.name,
      messages: 4,
      pools: [pool],
    });

    const { messages } = await ok(broker, "check_messages", { limit: 100 }, heir);
    const mine = messages.filter(({ from_name }) => from_name !== "cct");
    expect(mine.map(({ text, redelivered }) => [text, redelivered])).toEqual([
      ["shown", true],
      ["waits", false],
      ["to all", false],
    ]);
    expect(messages.map(({ text }) => text)).toContainEqual(expect.stringContaining(`merged the peer ${old.name}`));
    expect((await ok(broker, "held_messages", {})).held).toMatchObject([{ to: "heir", text: "held" }]);
    // Whether it leads depends on whether the broker has already given the lead of the absent one to another member.
    expect((await roles(broker, pool)).map((one) => one.split(" ")[0])).toContain("heir");
    expect((await ok(broker, "list_services", {})).services.find(({ name }) => name === "api")?.owner).toBe(
      heir.peer_id,
    );
    expect((await ok(broker, "message_status", { message_id: said.message_id }, heir)).from_name).toBe(old.name);
    await ok(broker, "vote_release", { proposal_id, vote: "yes" }, heir);
    expect((await ok(broker, "list_peers", { all: true })).peers.map(({ name }) => name)).not.toContain(old.name);
    expect((await refused(broker, "register", old.place, old)).code).toBe("unauthorized");
    expect((await newPeer(broker, old.name)).name).toBe(old.name);
    expect((await taken(broker, carol)).join()).toContain(`${old.name} was merged into heir by the operator.`);
  });

  test("shows mail that both got once, and counts one vote", async () => {
    const { pool, peers } = await newTeam(broker, 4);
    const [ann, ben, twin, dan] = peers as [TestPeer, TestPeer, TestPeer, TestPeer];
    await ok(broker, "send_message", { to: `@${pool}`, text: "to both" }, ann);
    const { proposal_id } = await ok(broker, "propose_release", { pool, peer: dan.name, reason: "done" }, ann);
    await ok(broker, "vote_release", { proposal_id, vote: "no" }, twin);
    await end(twin);
    await ok(broker, "merge_peers", { from: twin.name, into: ben.name });
    expect((await textsOf(ben)).filter((text) => text === "to both")).toHaveLength(1);
    const [open] = (await ok(broker, "pool_status", { pool })).open_proposals;
    expect(open?.voters.map(({ name }) => name).sort()).toEqual([ann.name, ben.name, dan.name].sort());
    expect(open?.votes).toHaveLength(1);
    // Two of three are enough now.
    expect(await ok(broker, "vote_release", { proposal_id, vote: "yes" }, ben)).toMatchObject({ state: "passed" });
    expect(await lastText(ben)).toContain("passed");
  });

  test("gives the vote of a process to the peer that remains of it", async () => {
    const { pool, peers } = await newTeam(broker, 2);
    const [ann, ben] = peers as [TestPeer, TestPeer];
    const { host_pid } = ben.place;
    const second = await newPeer(broker, "ben-second", { host_pid });
    await ok(broker, "join_pool", { pool }, second);
    const { proposal_id, without_vote } = await ok(
      broker,
      "propose_release",
      { pool, peer: ann.name, reason: "done" },
      ann,
    );
    expect(without_vote?.map(({ name }) => name)).toEqual(["ben-second"]);
    await end(ben);
    await ok(broker, "merge_peers", { from: ben.name, into: "ben-second" });
    expect(await ok(broker, "vote_release", { proposal_id, vote: "yes" }, second)).toMatchObject({ state: "passed" });
  });

  test("of a peer with itself is refused", async () => {
    const one = await newPeer(broker, "one-alone");
    const both = { from: one.name, into: one.peer_id };
    expect((await refused(broker, "merge_peers", both)).code).toBe("bad_request");
    expect((await call(broker, "list_peers", {})).status).toBe(200);
  });
});
