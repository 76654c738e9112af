/** Names at the broker: seats, which wait for the next session of that name, and names from folders, which do not. */
import { beforeAll, describe, expect, test } from "vitest";
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, type Place, place, type TestPeer } from "../support/peers.ts";
import { newTeam } from "../support/pools.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

const end = (peer: TestPeer) => ok(broker, "unregister", { host_pid: peer.place.host_pid }, peer);
const send = (to: string, text: string) => ok(broker, "send_message", { to, text });
/** A session that sits down in a peer's seat, as its session server registers it. */
const sit = (peer: TestPeer, name = peer.name, more: Partial<Place> = {}) => ({ ...place(more), name, seat: true });
const mailOf = async (peer: TestPeer) => (await ok(broker, "check_messages", { limit: 100 }, peer)).messages;

describe("an empty seat", () => {
  test("gives who sits down its name and its mail; what may have been shown is marked", async () => {
    const first = await newPeer(broker, "reviewer", { seat: true });
    await send("reviewer", "shown, never answered");
    const [shown] = await mailOf(first);
    if (!shown) throw new Error("no mail");
    const { message_id, attempt } = shown;
    await ok(broker, "ack_messages", { acks: [{ message_id, attempt, outcome: "delivered" }] }, first);
    await send("reviewer", "read");
    const [read] = await mailOf(first);
    if (!read) throw new Error("no mail");
    await ok(broker, "ack_messages", { acks: [{ message_id: read.message_id, attempt: 1, outcome: "read" }] }, first);
    await send("reviewer", "claimed");
    await mailOf(first);
    await end(first);
    const { recipients } = await send("reviewer", "waits");
    expect(recipients).toMatchObject([{ name: "reviewer", state: "queued" }]);

    const heir = await ok(broker, "register", sit(first), first);
    expect(heir).toMatchObject({ peer_id: first.peer_id, name: "reviewer" });
    expect(heir).not.toHaveProperty("secret");
    const messages = await mailOf(first);
    expect(messages.filter(({ from }) => from !== "cct").map(({ text, redelivered }) => [text, redelivered])).toEqual([
      ["shown, never answered", true],
      ["claimed", true],
      ["waits", false],
    ]);
    for (const { sent_at } of messages) expect(sent_at).toBeGreaterThan(0);
  });

  test("comes with pools, services, votes and policies, of which the newcomer is told; summary and busy signal end", async () => {
    const { pool, peers } = await newTeam(broker, 3);
    const [ann, ben, carol] = peers as [TestPeer, TestPeer, TestPeer];
    await ok(broker, "rename_peer", { peer: ben.name, name: "tester" });
    await ok(broker, "set_summary", { summary: "testing the login" }, ben);
    await ok(broker, "set_busy", { reason: "the suite", estimate_seconds: 600 }, ben);
    await ok(broker, "register_service", { kind: "web", url: "http://x:1", host: "elsewhere", name: "seat-web" }, ben);
    await ok(broker, "inbound_policy", { policy: "refuse", from: carol.name }, ben);
    const { proposal_id } = await ok(broker, "propose_release", { pool, peer: carol.name, reason: "done" }, ann);
    await end(ben);
    await ok(broker, "register", sit(ben, "tester"), ben);
    const told = (await mailOf(ben)).map(({ text }) => text).join("\n");
    expect(told).toContain(`Another conversation was tester before, and what it left is yours now:`);
    for (const what of [`@${pool}`, "seat-web", "open votes"]) expect(told).toContain(what);
    const { peers: all } = await ok(broker, "list_peers", {}, ben);
    expect(all[0]).toMatchObject({ name: "tester", you: true, summary: "", presence: "idle", pools: [pool] });
    await ok(broker, "vote_release", { proposal_id, vote: "yes" }, ben);
    const sent = await ok(broker, "send_message", { to: "tester", text: "hello" }, carol);
    expect(sent.recipients).toMatchObject([{ state: "refused" }]);
  });

  test("goes to exactly one of two that sit down at the same moment; the other one is -2 and hears why", async () => {
    const first = await newPeer(broker, "twofold", { seat: true });
    await end(first);
    const answers = await Promise.all(
      [1, 2, 3].map(async () => {
        const where = sit(first);
        return ok(broker, "register", where, first).then(
          ({ name }) => ({ name, where, secret: undefined, peer_id: "" }),
          () => ok(broker, "register", where).then((answer) => ({ where, ...answer })),
        );
      }),
    );
    expect(answers.map(({ name }) => name).sort()).toEqual(["twofold", "twofold-2", "twofold-3"]);
    const second = answers.find(({ name }) => name === "twofold-2");
    if (!second?.secret) throw new Error("nobody is twofold-2");
    const [told] = await mailOf({ ...second, secret: second.secret, place: second.where });
    expect(told?.text).toBe(
      `You are twofold-2 (${second.peer_id.slice(0, 4)}), because twofold is a live session (${first.peer_id.slice(0, 4)} on elsewhere). Mail to twofold goes there.`,
    );
  });

  test("is the first free one of its name: the number only when that is taken", async () => {
    const [one, two] = [await newPeer(broker, "lead", { seat: true }), await newPeer(broker, "lead", { seat: true })];
    expect(two.name).toBe("lead-2");
    await end(two);
    // While lead is taken, lead-2 is the seat.
    const place = sit(two, "lead");
    expect(await ok(broker, "register", place, two)).toMatchObject({ name: "lead-2" });
    await ok(broker, "unregister", { host_pid: place.host_pid }, two);
    await end(one);
    await ok(broker, "forget_peer", { peer: "lead" });
    expect(await refused(broker, "register", sit(two, "lead"), two)).toMatchObject({ code: "conflict" });
    expect((await newPeer(broker, "lead", { seat: true })).name).toBe("lead");
  });

  test("is not taken with a name that it no longer has, by a live session, or where the name came from a folder", async () => {
    const was = await newPeer(broker, "critic", { seat: true });
    expect(await refused(broker, "register", sit(was), was)).toMatchObject({ code: "conflict" });
    await end(was);
    await ok(broker, "rename_peer", { peer: "critic", name: "judge" });
    expect(await refused(broker, "register", sit(was, "critic"), was)).toMatchObject({
      code: "conflict",
      message: expect.stringContaining("judge is not the seat of a session called 'critic'"),
    });
    expect(await ok(broker, "register", sit(was, "judge"), was)).toMatchObject({ name: "judge" });
    const folder = await newPeer(broker, "by-folder");
    await end(folder);
    expect(await refused(broker, "register", sit(folder), folder)).toMatchObject({ code: "conflict" });
  });

  test("keeps its name from everybody else, with and without mail, until the operator forgets it", async () => {
    const kept = await newPeer(broker, "kept", { seat: true });
    await end(kept);
    expect((await newPeer(broker, "kept")).name).toBe("kept-2");
    expect((await newPeer(broker, "kept", { host: "desk", seat: true })).name).toBe("kept-3");
    await ok(broker, "forget_peer", { peer: "kept" });
    expect((await newPeer(broker, "kept", { seat: true })).name).toBe("kept");
  });

  test("gets everything of a peer that the operator merges into it", async () => {
    const [seat, other] = [await newPeer(broker, "desk-1", { seat: true }), await newPeer(broker, "stray")];
    await send("stray", "for the stray");
    await end(other);
    await end(seat);
    await ok(broker, "merge_peers", { from: "stray", into: "desk-1" });
    await ok(broker, "register", sit(seat), seat);
    expect((await mailOf(seat)).map(({ text }) => text)).toContain("for the stray");
  });
});

describe("a name from a folder", () => {
  test("is free again when its peer is away without mail; a peer that returns gets it back when it is free", async () => {
    const first = await newPeer(broker, "shop");
    expect((await newPeer(broker, "shop")).name).toBe("shop-2");
    await end(first);
    const second = await newPeer(broker, "shop");
    expect(second.name).toBe("shop");
    const aside = `shop-${first.peer_id.slice(0, 8)}`;
    expect((await send(first.peer_id, "you are still there")).recipients).toMatchObject([{ name: aside }]);
    expect(await ok(broker, "register", place(), first)).toMatchObject({ name: "shop-3" });

    const mill = await newPeer(broker, "mill");
    await end(mill);
    const next = await newPeer(broker, "mill");
    await end(next);
    expect(await ok(broker, "register", place(), mill)).toMatchObject({ name: "mill" });
  });

  test("stays while mail waits or is held, but not for the broker's own reports", async () => {
    const [ann, ben] = [await newPeer(broker, "ann"), await newPeer(broker, "barn")];
    await end(ben);
    await ok(broker, "send_message", { to: "barn", text: "for barn" }, ann);
    expect((await newPeer(broker, "barn")).name).toBe("barn-2");
    const holds = await newPeer(broker, "holds");
    await ok(broker, "inbound_policy", { policy: "hold" }, holds);
    await ok(broker, "send_message", { to: "holds", text: "held" }, ann);
    await end(holds);
    expect((await newPeer(broker, "holds")).name).toBe("holds-2");
    const told = await newPeer(broker, "told");
    await ok(broker, "rename_peer", { peer: "told", name: "told-1" });
    await end(told);
    expect((await newPeer(broker, "told")).name).toBe("told");
  });

  test("is not taken from a peer of another machine while that was there today", async () => {
    const theirs = await newPeer(broker, "common", { host: "desk" });
    await end(theirs);
    expect((await newPeer(broker, "common")).name).toBe("common-2");
    expect((await newPeer(broker, "common", { host: "desk" })).name).toBe("common");
  });

  test("can be given to another peer when its own is away", async () => {
    const old = await newPeer(broker, "given");
    const other = await newPeer(broker, "taker");
    expect((await refused(broker, "rename_peer", { peer: "taker", name: "given" })).code).toBe("conflict");
    await end(old);
    expect(await ok(broker, "set_summary", { summary: "x", name: "given" }, other)).toMatchObject({ name: "given" });
  });
});

describe("a send to a peer that is away names who is live", () => {
  const noteOn = async (to: string, as?: TestPeer) =>
    (await ok(broker, "send_message", { to, text: `hello ${to} ${as?.name}` }, as)).recipients[0]?.note ?? "";

  test("under its name, else in its folder, else in its repository; never the sender, nor those who are away too", async () => {
    const repo = { host: "studio", repo: "/src/lamp", remote: "git@example.org:lamp.git" };
    const seat = await newPeer(broker, "painter", { ...repo, cwd: "/src/lamp/a", seat: true });
    const folder = await newPeer(broker, "lamp", { ...repo, cwd: "/src/lamp/a" });
    const clone = await newPeer(broker, "lamp", { ...repo, host: "desk", repo: "/home/x/lamp", cwd: "/home/x/lamp" });
    const second = await newPeer(broker, "painter", { host: "studio", seat: true });
    await end(seat);
    expect(await noteOn("painter")).toMatch(
      /^offline for \d+ (?:s|min); kept until it is back; live under that name: painter-2@studio$/,
    );
    await end(second);
    expect(await noteOn("painter")).toContain("; live in the same folder: lamp@studio");
    expect(await noteOn("painter", folder)).toContain("; live in the same repository: lamp-2@desk");
    await end(folder);
    expect(await noteOn("painter", clone)).not.toContain("live");
    await end(clone);
    expect(await noteOn("painter")).not.toContain("live");
  });

  test("and names a few of many; a send to one that is there says nothing of others", async () => {
    const at = { host: "studio", cwd: "/src/many" };
    const gone = await newPeer(broker, "many", at);
    for (let i = 0; i < 5; i++) await newPeer(broker, "many", at);
    expect(await noteOn("many")).toBe("idle and will be woken");
    await end(gone);
    expect(await noteOn("many")).toMatch(
      /live in the same folder: many-2@studio, many-3@studio, many-4@studio and 2 more$/,
    );
  });
});

test("a list has who is there, and the number of those who are away; with all, them too, last", async () => {
  const own = await startBroker();
  const [gone, me] = [await newPeer(own, "gone"), await newPeer(own, "me")];
  const there = await newPeer(own, "there");
  expect(await ok(own, "list_peers", {})).not.toHaveProperty("away");
  await ok(own, "unregister", { host_pid: gone.place.host_pid }, gone);
  const names = async (input: { all?: true; live?: true; limit?: number; scope?: "machine" }) => {
    const { peers, away } = await ok(own, "list_peers", input, there);
    return [peers.map(({ name }) => name), away];
  };
  expect(await names({})).toEqual([["there", "me"], 1]);
  expect(await names({ scope: "machine", limit: 1 })).toEqual([["there"], 1]);
  expect(await names({ live: true })).toEqual([["there", "me"], undefined]);
  expect(await names({ all: true })).toEqual([["there", "me", "gone"], undefined]);
  await ok(own, "create_pool", { name: "front", purpose: "to test" }, me);
  const listed = await ok(own, "list_peers", { pool: "front" });
  expect([listed.peers.map(({ name }) => name), listed.away]).toEqual([["me"], undefined]);
  await ok(own, "unregister", { host_pid: me.place.host_pid }, me);
  expect(await ok(own, "list_peers", { pool: "front" })).toMatchObject({ peers: [], away: 1 });
});
