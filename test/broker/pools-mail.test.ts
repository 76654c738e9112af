/** Mail in pools: to all members, and to one of them. */
import { beforeAll, describe, expect, test } from "vitest";
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { lastSeq, newsFor, newTeam } from "../support/pools.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

describe("mail in a pool", () => {
  test("to @pool reaches every other member once, also offline ones, and not its sender", async () => {
    const { pool, peers } = await newTeam(broker, 4);
    const [ann, ben, carol, dan] = peers as [TestPeer, TestPeer, TestPeer, TestPeer];
    await ok(broker, "unregister", { host_pid: dan.place.host_pid }, dan);
    await ok(broker, "leave_pool", { pool }, carol);
    const since = await lastSeq(broker);
    const sent = await ok(broker, "send_message", { to: ` @${pool} `, text: "to all" }, ben);
    expect(sent.recipients.map(({ name }) => name).sort()).toEqual([ann.name, dan.name]);
    expect(sent.recipients.find(({ name }) => name === dan.name)?.note).toMatch(/^offline for/);
    for (const [peer, count] of [
      [ann, 1],
      [ben, 0],
      [carol, 0],
      [dan, 1],
    ] as const)
      expect((await newsFor(broker, peer, since)).filter(({ text }) => text === "to all")).toHaveLength(count);
    const got = await ok(broker, "check_messages", { limit: 100 }, ann);
    expect(got.messages.find(({ text }) => text === "to all")).toMatchObject({ pool, from_name: ben.name });
  });

  test("sent twice with one message_id is one message, with the same answer", async () => {
    const { pool, peers } = await newTeam(broker, 3);
    const message = { to: `@${pool}`, text: "once", message_id: `pool-once-${pool}` };
    const first = await ok(broker, "send_message", message, peers[0]);
    await ok(broker, "leave_pool", { pool }, peers[2]);
    expect(await ok(broker, "send_message", message, peers[0])).toEqual(first);
  });

  test("to @pool/peer reaches only that member; for other peers the error lists the members", async () => {
    const { pool, peers } = await newTeam(broker, 3);
    const [ann, ben, carol] = peers as [TestPeer, TestPeer, TestPeer];
    for (const to of [`@${pool}/${carol.name.toUpperCase()}`, `@${pool}/${carol.peer_id.slice(0, 6)}`]) {
      const { recipients } = await ok(broker, "send_message", { to, text: to }, ann);
      expect(recipients.map(({ name }) => name)).toEqual([carol.name]);
    }
    const stranger = await newPeer(broker, "elsewhere");
    const error = await refused(broker, "send_message", { to: `@${pool}/${stranger.name}`, text: "x" }, ann);
    expect(error).toMatchObject({ status: 404, message: expect.stringContaining("not a member") });
    for (const peer of [ann, ben, carol]) expect(error.hint).toContain(peer.name);
  });

  test("can come from the operator, and reaches all members", async () => {
    const { pool, peers } = await newTeam(broker, 2);
    const { recipients } = await ok(broker, "send_message", { to: `@${pool}`, text: "from above" });
    expect(recipients.map(({ name }) => name).sort()).toEqual(peers.map(({ name }) => name));
  });
});
