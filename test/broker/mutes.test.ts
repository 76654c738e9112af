/** What the operator decides about mail on its way: held mail of one mailbox, muted peers, paused pools. */
import { beforeEach, describe, expect, test } from "vitest";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import type { TestPeer } from "../support/peers.ts";
import { rejectedBy } from "../support/thrown.ts";

let works: Clockwork;
let ann: TestPeer;
let bob: TestPeer;
let carl: TestPeer;
beforeEach(async () => {
  works = await openClockwork();
  [ann, bob, carl] = [await works.newPeer("ann"), await works.newPeer("bob"), await works.newPeer("carl")];
});

const send = (to: string, text: string, as?: TestPeer) => works.call("send_message", { to, text }, as);
const taken = async (peer: TestPeer): Promise<string[]> =>
  (await works.call("check_messages", { limit: 100 }, peer)).messages
    .map(({ text }) => text)
    // Who joined.
    .filter((text) => !text.startsWith("@team: "));
const team = async (): Promise<void> => {
  await works.call("create_pool", { name: "team", purpose: "x" }, ann);
  for (const peer of [bob, carl]) await works.call("join_pool", { pool: "team" }, peer);
  for (const peer of [ann, bob, carl]) await taken(peer);
};

describe("held mail", () => {
  test("is let through, or refused, for one mailbox; the sender of what is refused is told, the operator is not", async () => {
    await team();
    for (const peer of [bob, carl]) await works.call("inbound_policy", { policy: "hold" }, peer);
    const { message_id } = await send("@team", "for both", ann);
    expect(await works.call("decide_held", { message_id, peer: "bob", decision: "accept" })).toMatchObject({
      name: "bob",
      state: "queued",
    });
    expect(await taken(bob)).toEqual(["for both"]);
    expect(await taken(carl)).toEqual([]);
    await works.call("decide_held", { message_id, peer: "carl", decision: "refuse" });
    expect((await works.call("message_status", { message_id })).recipients).toMatchObject([
      { name: "bob" },
      { name: "carl", state: "refused", reason: "the operator refused it" },
    ]);
    expect(await taken(ann)).toEqual([expect.stringContaining("is refused: the operator refused it")]);
    expect((await works.call("notes", {})).notes).toEqual([]);
    const again = works.call("decide_held", { message_id, peer: "carl", decision: "accept" });
    expect(await rejectedBy(again)).toMatchObject({ code: "conflict" });
  });
});

describe("a muted peer", () => {
  test("is told that its mail is held; it goes on, in order, when the mute ends by hand", async () => {
    await works.call("mute_peer", { peer: "ann" });
    const { recipients } = await send("bob", "one", ann);
    expect(recipients).toMatchObject([
      { state: "held", note: "the operator muted you until further notice; it is kept and goes on then" },
    ]);
    await send("bob", "two", ann);
    await send("bob", "from carl", carl);
    await send("bob", "from the operator");
    expect(await taken(bob)).toEqual(["from carl", "from the operator"]);
    const [shown] = (await works.call("overview", {})).peers.filter(({ name }) => name === "ann");
    expect(shown?.muted).toEqual({ by: "operator" });
    expect((await works.call("attention", {})).needs).toEqual([]);
    expect(await works.call("unmute_peer", { peer: "ann" })).toMatchObject({ name: "ann", released: 2 });
    expect(await taken(bob)).toEqual(["one", "two"]);
    expect((await send("bob", "three", ann)).recipients).toMatchObject([{ state: "queued" }]);
  });

  test("does not get around its mute by sending again what had ended", async () => {
    await works.call("inbound_policy", { policy: "refuse" }, bob);
    const { message_id } = await send("bob", "again", ann);
    await works.call("inbound_policy", { policy: "accept" }, bob);
    await works.call("mute_peer", { peer: "ann" });
    const { recipients } = await works.call("resend_message", { message_id }, ann);
    expect(recipients).toMatchObject([{ name: "bob", state: "held" }]);
    expect(await taken(bob)).toEqual([]);
    expect(await works.call("unmute_peer", { peer: "ann" })).toMatchObject({ released: 1 });
    expect(await taken(bob)).toEqual(["again"]);
  });

  test("whose mail a policy holds later is not released by the end of an earlier mute", async () => {
    await works.call("mute_peer", { peer: "ann" });
    const mail = { to: "bob", text: "first muted", expires_in_seconds: 5 };
    const { message_id } = await works.call("send_message", mail, ann);
    await works.pass(60_000, ann, bob);
    await works.call("unmute_peer", { peer: "ann" });
    await works.call("inbound_policy", { policy: "hold" }, bob);
    await works.call("resend_message", { message_id }, ann);
    await works.pass(60_000, ann, bob);
    expect(await taken(bob)).toEqual([]);
    const { recipients } = await works.call("message_status", { message_id });
    expect(recipients).toMatchObject([{ state: "held" }]);
  });

  test("is not muted any more when the time is over, and its mail goes on by itself", async () => {
    await works.call("mute_peer", { peer: "ann", minutes: 5 });
    expect((await send("bob", "early", ann)).recipients[0]?.note).toMatch(
      /muted you until 20\d\d-\d\d-\d\d \d\d:\d\d UTC;/,
    );
    await works.pass(4 * 60_000, ann, bob);
    expect(await taken(bob)).toEqual([]);
    works.setOn(60_000);
    // Also before the sweep has seen it.
    expect((await send("bob", "late", ann)).recipients).toMatchObject([{ state: "queued" }]);
    await works.pass(0, ann, bob);
    expect(await taken(bob)).toEqual(["early", "late"]);
    expect((await works.dump()).mutes).toEqual([]);
  });

  test("does not overrule what a mailbox refuses or holds by itself", async () => {
    await works.call("inbound_policy", { policy: "refuse" }, bob);
    await works.call("inbound_policy", { policy: "hold" }, carl);
    await works.call("mute_peer", { peer: "ann" });
    expect((await send("bob", "no", ann)).recipients).toMatchObject([{ state: "refused" }]);
    const { message_id } = await send("carl", "hm", ann);
    expect(await works.call("unmute_peer", { peer: "ann" })).toMatchObject({ released: 0 });
    expect((await works.call("attention", {})).needs).toMatchObject([{ kind: "held", message_id }]);
  });

  test("that is removed leaves its mail to the operator", async () => {
    await works.call("mute_peer", { peer: "ann" });
    const { message_id } = await send("bob", "last words", ann);
    await works.call("unregister", { host_pid: ann.place.host_pid }, ann);
    await works.call("forget_peer", { peer: "ann", force: true });
    expect((await works.call("attention", {})).needs).toMatchObject([{ kind: "held", message_id }]);
    expect((await works.dump()).mutes).toEqual([]);
  });
});

test("mail that was being held when its mute ended goes on with the next sweep", async () => {
  await works.call("mute_peer", { peer: "ann" });
  await send("bob", "between two brokers", ann);
  await works.environment.store.tx((sql) => sql("DELETE FROM mutes WHERE source = $1", ann.peer_id));
  expect(await taken(bob)).toEqual([]);
  await works.pass(0, ann, bob);
  expect(await taken(bob)).toEqual(["between two brokers"]);
});

describe("a paused pool", () => {
  test("holds what its members say, tells them, and goes on; the operator's mail passes", async () => {
    await team();
    await works.call("pause_pool", { pool: "team", minutes: 30 });
    const { recipients } = await send("@team", "held", ann);
    expect(recipients.map(({ state }) => state)).toEqual(["held", "held"]);
    expect(recipients[0]?.note).toMatch(/^the operator paused @team until /);
    expect((await send("@team/bob", "to you", carl)).recipients).toMatchObject([{ state: "held" }]);
    await send("bob", "outside", carl);
    await send("@team", "operator speaks");
    expect(await taken(bob)).toEqual(["outside", "operator speaks"]);
    expect((await works.call("overview", {})).pools).toMatchObject([{ name: "team", paused: { by: "operator" } }]);
    expect(await works.call("resume_pool", { pool: "team" })).toMatchObject({ released: 3 });
    expect(await taken(bob)).toEqual(["held", "to you"]);
  });

  test("whose speaker is muted as well goes on only when both have ended", async () => {
    await team();
    await works.call("mute_peer", { peer: "ann" });
    await works.call("pause_pool", { pool: "team", minutes: 5 });
    await send("@team", "twice held", ann);
    await send("@team", "once held", carl);
    expect(await works.call("unmute_peer", { peer: "ann" })).toMatchObject({ released: 0 });
    await works.pass(6 * 60_000, ann, bob, carl);
    expect(await taken(bob)).toEqual(["twice held", "once held"]);
  });

  test("that is archived goes on", async () => {
    await team();
    await works.call("pause_pool", { pool: "team" });
    await send("@team", "before the end", ann);
    await works.call("archive_pool", { pool: "team" });
    expect(await taken(bob)).toContain("before the end");
    expect((await works.dump()).mutes).toEqual([]);
  });
});
