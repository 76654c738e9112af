/** Busy signals and members that poll for mail. */
import { beforeAll, describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { lastSeq, mailFor, newsFor, newTeam } from "../support/pools.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

const texts = ({ messages }: { messages: { text: string }[] }): string[] => messages.map(({ text }) => text);

describe("members that poll for mail", () => {
  async function pollers(works: Clockwork) {
    const ann = await works.newPeer("ann");
    const ben = await works.newPeer("ben", { polls: true });
    const carol = await works.newPeer("carol");
    const stranger = await works.newPeer("dan", { polls: true });
    await works.call("create_pool", { name: "team", purpose: "tests" }, ann);
    for (const peer of [ben, carol]) await works.call("join_pool", { pool: "team" }, peer);
    for (const peer of [ann, ben, carol, stranger]) await take(works, peer);
    return { ann, ben, carol, stranger };
  }
  const take = async (works: Clockwork, peer: TestPeer): Promise<string[]> =>
    texts(await works.call("check_messages", { limit: 100 }, peer));

  test("are told to slow down while a member is busy, and to resume when it is ready; no other peers are", async () => {
    const works = await openClockwork();
    const { ann, ben, carol, stranger } = await pollers(works);
    await works.call("set_busy", { reason: 'the "suite"', estimate_seconds: 1200 }, ann);
    expect(await take(works, ben)).toEqual([
      "ann is busy for about 20 min: \"the 'suite'\". If you wait for it, poll only every 10 minutes until you hear that it is ready.",
    ]);
    await works.call("set_ready", {}, ann);
    expect(await take(works, ben)).toEqual(["ann is ready. Poll once a minute again."]);
    for (const peer of [carol, stranger, ann]) expect(await take(works, peer)).toEqual([]);
  });

  test.each([
    ["the sweep", (works: Clockwork, ...all: TestPeer[]) => works.pass(1500, ...all.slice(1))],
    [
      "a heartbeat that comes before the sweep",
      async (works: Clockwork, ann: TestPeer) => {
        works.setOn(1500);
        await works.call("heartbeat", { host_pid: ann.place.host_pid, held: [] }, ann);
      },
    ],
  ])("are told once to resume when 1.5 times the estimate has passed, by %s", async (_, end) => {
    const works = await openClockwork();
    const { ann, ben, carol, stranger } = await pollers(works);
    await works.call("set_busy", { reason: "a second", estimate_seconds: 1 }, ann);
    await take(works, ben);
    await end(works, ann, ben, carol, stranger);
    await works.pass(1000, ann, ben);
    await works.pass(1000, ann, ben);
    expect(await take(works, ben)).toEqual(["ann is ready. Poll once a minute again."]);
  });

  test("are told as well when the busy member goes offline, or comes back in a new process", async () => {
    const works = await openClockwork();
    const { ann, ben } = await pollers(works);
    await works.call("set_busy", { reason: "a minute", estimate_seconds: 60 }, ann);
    await works.call("unregister", { host_pid: ann.place.host_pid }, ann);
    await take(works, ben);
    await works.pass(90_000, ben);
    expect(await take(works, ben)).toContain("ann is offline. Poll once a minute again.");

    await works.call("register", ann.place, ann);
    await works.call("set_busy", { reason: "a minute", estimate_seconds: 60 }, ann);
    await works.call("unregister", { host_pid: ann.place.host_pid }, ann);
    await works.call("register", { ...ann.place, host_pid: 77 }, ann);
    expect((await take(works, ben)).at(-1)).toBe("ann is ready. Poll once a minute again.");
  });

  test("are not woken by any of this", async () => {
    const { peers } = await newTeam(broker, 1);
    const [ann] = peers as [TestPeer];
    const poller = await newPeer(broker, "poller", { polls: true });
    const [pool = ""] = (await ok(broker, "list_peers", {})).peers.find((one) => one.name === ann.name)?.pools ?? [];
    await ok(broker, "join_pool", { pool }, poller);
    const since = await lastSeq(broker);
    await ok(broker, "set_busy", { reason: "x", estimate_seconds: 100 }, ann);
    await ok(broker, "check_messages", {}, poller);
    await ok(broker, "set_ready", {}, ann);
    expect((await newsFor(broker, poller, since)).map(({ urgency }) => urgency)).toEqual(["low", "low"]);
    expect((await mailFor(broker, ann)).filter(({ text }) => /poll (down|once)/i.test(text))).toEqual([]);
  });
});
