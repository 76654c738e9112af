/** What a peer may still do in a pool after it was released from it, or has left it. */
import { beforeAll, describe, expect, test } from "vitest";
import type { OperationName } from "../../src/operations/index.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { outcomeOf } from "../support/outcome.ts";
import type { TestPeer } from "../support/peers.ts";

let works: Clockwork;
/** Released by a vote, and about to leave. */
let released: TestPeer;
/** Has left. */
let gone: TestPeer;
let early = "";
let dead = "";
let withdrawable = "";

beforeAll(async () => {
  works = await openClockwork();
  const [lead, eve] = [await works.newPeer("lead"), await works.newPeer("eve")];
  await works.newPeer("bob");
  [released, gone] = [await works.newPeer("out"), await works.newPeer("gone")];
  await works.call("create_pool", { name: "team", purpose: "x" }, lead);
  for (const peer of [released, gone]) await works.call("join_pool", { pool: "team" }, peer);
  await works.call("inbound_policy", { policy: "refuse", from: "out" }, lead);
  early = (await works.call("send_message", { to: "@team", text: "early" }, lead)).message_id;
  dead = (await works.call("send_message", { to: "@team/lead", text: "unwanted" }, released)).message_id;
  const proposal = { pool: "team", peer: "lead", reason: "x" };
  withdrawable = (await works.call("propose_release", proposal, released)).proposal_id;
  await works.call("leave_pool", { pool: "team" }, gone);
  const { proposal_id } = await works.call("propose_release", { pool: "team", peer: "out", reason: "done" });
  await works.call("decide_release", { proposal_id, decision: "passed" });
  works.setOn(1000);
  await works.call("join_pool", { pool: "team" }, eve);
  await works.call("send_message", { to: "@team", text: "late, again" }, lead);
});

describe("a peer that was released, or has left,", () => {
  const refusals: [string, OperationName, () => Record<string, unknown>][] = [
    ["send to the pool", "send_message", () => ({ to: "@team", text: "x" })],
    ["invite", "invite_to_pool", () => ({ pool: "team", peer: "bob" })],
    ["pass the lead on", "invite_to_pool", () => ({ pool: "team", peer: "eve", role: "lead" })],
    ["archive the pool", "archive_pool", () => ({ pool: "team" })],
    ["propose a release", "propose_release", () => ({ pool: "team", peer: "lead", reason: "x" })],
  ];
  test.each(refusals)("cannot %s", async (_, name, input) => {
    const before = await works.dump();
    for (const peer of [released, gone])
      expect(await outcomeOf(works, name, input(), peer)).toMatchObject({ code: "forbidden" });
    expect(await works.dump()).toEqual(before);
  });
});

describe("a released peer", () => {
  test("cannot withdraw its proposal or resend its mail to the pool", async () => {
    const before = await works.dump();
    const withdrawn = { proposal_id: withdrawable, decision: "withdrawn" };
    expect(await outcomeOf(works, "decide_release", withdrawn, released)).toMatchObject({ code: "forbidden" });
    const resent = { message_id: dead };
    expect(await outcomeOf(works, "resend_message", resent, released)).toMatchObject({ code: "forbidden" });
    expect(await works.dump()).toEqual(before);
  });

  test("can read earlier messages, and report to the lead, until it leaves", async () => {
    const { recent_messages } = await works.call("pool_status", { pool: "team" }, released);
    expect(recent_messages.map((one) => one.message_id)).toContain(early);
    expect(recent_messages.map((one) => one.text).join()).not.toContain("late");
    const report = { to: "@team/lead", text: "all is done" };
    expect(await outcomeOf(works, "send_message", report, released)).toMatchObject({ code: "nothing" });
  });
});

test("a peer that has left can read nothing of the pool", async () => {
  expect(await outcomeOf(works, "pool_status", { pool: "team" }, gone)).toMatchObject({ code: "forbidden" });
  expect(await outcomeOf(works, "list_peers", { pool: "team" }, gone)).toMatchObject({ code: "forbidden" });
});
