/** What pools and votes refuse because of their state: every refusal says what to do next, and changes nothing. */
import { beforeAll, describe, expect, test } from "vitest";
import type { OperationName } from "../../src/operations/index.ts";
import { ok, refused } from "../support/api.ts";
import type { TestBroker } from "../support/broker.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { everything } from "../support/pools.ts";
import { type RefusalSetup, setUpRefusals } from "../support/refusals.ts";

let setup: RefusalSetup;
let broker: TestBroker;
let ann: TestPeer;
let ben: TestPeer;
let zoe: TestPeer;
let refusedWith: RefusalSetup["refusedWith"];
beforeAll(async () => {
  setup = await setUpRefusals();
  ({ broker, ann, ben, zoe, refusedWith } = setup);
});

/** Every operation on a pool, with input that is valid except for the pool. */
const onPools: [OperationName, Record<string, string>][] = [
  ["join_pool", {}],
  ["invite_to_pool", { peer: "zoe" }],
  ["leave_pool", {}],
  ["archive_pool", {}],
  ["pool_status", {}],
  ["list_peers", {}],
  ["propose_release", { peer: "ben", reason: "done" }],
];

describe.each(onPools)("%s", (operation, more) => {
  test.each(["nowhere", "@nowhere", "abcd", " ", "own/ben", "@own/ben", "x".repeat(80), "ow", "%"])(
    "of an unknown pool (%j) lists the active pools",
    (pool) => refusedWith(404, /no pool .*Active pools: .*@own/, operation, { pool, ...more }, ann),
  );

  test.each([undefined, null, "", 7, ["own"], "x".repeat(81)])("of %j is refused as invalid input", async (pool) => {
    // Null stands for a field that was left out.
    if (operation === "list_peers" && (pool === undefined || pool === null)) return;
    await refusedWith(400, /pool/, operation, { pool, ...more }, ann);
  });

  test("with an unknown field is refused", async () => {
    await refusedWith(400, /colour/, operation, { pool: "own", ...more, colour: "red" }, ann);
  });
});

/** Calls on archived pools, on foreign pools, and on pools of one's own. */
const wrong: [string, number, RegExp, OperationName, Record<string, unknown>, () => TestPeer | undefined][] = [
  [
    "a stranger revives an archived pool",
    403,
    /only a former member can revive it/,
    "join_pool",
    { pool: "over" },
    () => zoe,
  ],
  [
    "somebody is invited into an archived pool",
    409,
    /archived/,
    "invite_to_pool",
    { pool: "over", peer: "zoe" },
    () => ann,
  ],
  ["a member leaves an archived pool", 409, /archived/, "leave_pool", { pool: "over" }, () => ann],
  ["an archived pool is archived", 409, /archived/, "archive_pool", { pool: "over" }, () => ann],
  ["the operator archives an archived pool", 409, /archived/, "archive_pool", { pool: "over" }, () => undefined],
  [
    "a release from an archived pool",
    409,
    /archived/,
    "propose_release",
    { pool: "over", peer: "ben", reason: "x" },
    () => ann,
  ],
  ["mail to an archived pool", 409, /archived/, "send_message", { to: "@over", text: "x" }, () => ann],
  ["mail into an archived pool", 409, /archived/, "send_message", { to: "@over/ben", text: "x" }, () => ann],
  ["a stranger looks into an archived pool", 403, /not a member/, "pool_status", { pool: "over" }, () => zoe],

  ["inviting into a foreign pool", 403, /not a member/, "invite_to_pool", { pool: "foreign", peer: "ben" }, () => ann],
  ["leaving a foreign pool", 403, /not a member/, "leave_pool", { pool: "foreign" }, () => ann],
  ["archiving a foreign pool", 403, /not a member/, "archive_pool", { pool: "foreign" }, () => ann],
  ["looking into a foreign pool", 403, /Join it first/, "pool_status", { pool: "foreign" }, () => ann],
  ["listing a foreign pool's members", 403, /not a member/, "list_peers", { pool: "foreign" }, () => ann],
  [
    "a release from a foreign pool",
    403,
    /not a member/,
    "propose_release",
    { pool: "foreign", peer: "zoe", reason: "x" },
    () => ann,
  ],
  ["mail to a foreign pool", 403, /not a member/, "send_message", { to: "@foreign", text: "x" }, () => ann],
  ["mail into a foreign pool", 403, /not a member/, "send_message", { to: "@foreign/zoe", text: "x" }, () => ann],
  ["mail to oneself through a pool", 400, /itself/, "send_message", { to: "@own/ann", text: "x" }, () => ann],
  ["mail to an unknown pool", 404, /no pool '@nowhere'/, "send_message", { to: "@nowhere", text: "x" }, () => ann],

  [
    "archiving one's own pool, not being its lead",
    403,
    /lead of @own \(ann\)/,
    "archive_pool",
    { pool: "own" },
    () => ben,
  ],
  ["taking the lead", 409, /has a lead: ann.*invite_to_pool/, "join_pool", { pool: "own", role: "lead" }, () => ben],
  ["dropping the lead", 409, /Pass the lead on/, "join_pool", { pool: "own", role: "member" }, () => ann],
  ["demoting the lead", 409, /Pass the lead on/, "invite_to_pool", { pool: "own", peer: "ann", role: "x" }, () => ben],

  ["inviting oneself", 400, /yourself.*join_pool/, "invite_to_pool", { pool: "own", peer: "ann" }, () => ann],
  ["inviting a peer that is away", 409, /gone is offline/, "invite_to_pool", { pool: "own", peer: "gone" }, () => ann],
  [
    "inviting nobody",
    404,
    /no peer 'nobody'.*Known peers: (?!.*ann)/,
    "invite_to_pool",
    { pool: "own", peer: "nobody" },
    () => ann,
  ],
  ["inviting a member", 409, /already a member of @own/, "invite_to_pool", { pool: "own", peer: "ben" }, () => ann],
  [
    "a reason with an escape",
    400,
    /U\+001B/,
    "invite_to_pool",
    { pool: "own", peer: "zoe", reason: "\u001b[1m" },
    () => ann,
  ],
  [
    "a reason that is too long",
    400,
    /reason/,
    "invite_to_pool",
    { pool: "own", peer: "zoe", reason: "x".repeat(501) },
    () => ann,
  ],

  [
    "a release of nobody",
    404,
    /not a member of @own.*ann, ben/,
    "propose_release",
    { pool: "own", peer: "zoe", reason: "x" },
    () => ann,
  ],
  [
    "a release without a reason",
    400,
    /reason is empty/,
    "propose_release",
    { pool: "own", peer: "gone", reason: " \n" },
    () => ann,
  ],
  [
    "a release for a control character",
    400,
    /U\+0007/,
    "propose_release",
    { pool: "own", peer: "gone", reason: "\u0007" },
    () => ann,
  ],
  [
    "a second release of one member",
    409,
    /is already open: .{4}.*vote_release/,
    "propose_release",
    { pool: "own", peer: "ben", reason: "x" },
    () => ben,
  ],
  [
    "a release of the only member",
    404,
    /not a member/,
    "propose_release",
    { pool: "foreign", peer: "ann", reason: "x" },
    () => zoe,
  ],
  ...[9, 0, -5, 1.5, 604_801, 1e300].map((deadline_seconds): (typeof wrong)[number] => [
    `a deadline of ${deadline_seconds} s`,
    400,
    /deadline_seconds/,
    "propose_release",
    { pool: "own", peer: "gone", reason: "x", deadline_seconds },
    () => ann,
  ]),

  [
    "a vote on nothing",
    404,
    /no proposal 'ffffffff'.*pool_status/,
    "vote_release",
    { proposal_id: "ffffffff", vote: "yes" },
    () => ann,
  ],
  ["a vote on an invalid id", 404, /no proposal/, "vote_release", { proposal_id: "%%%%", vote: "yes" }, () => ann],
  ["an unknown vote", 400, /vote/, "vote_release", { proposal_id: "ffff", vote: "maybe" }, () => ann],
  [
    "an unknown decision",
    400,
    /decision/,
    "decide_release",
    { proposal_id: "ffff", decision: "open" },
    () => undefined,
  ],
];

describe("is refused and changes nothing:", () => {
  test.each(wrong)("%s", (_, status, words, operation, input, as) =>
    refusedWith(status, words, operation, input, as()),
  );

  test("a vote after the end", () =>
    refusedWith(409, /is rejected: the operator/, "vote_release", { proposal_id: setup.decided, vote: "yes" }, ann));
  test("a vote by a peer that is not a voter", () =>
    refusedWith(404, /no proposal/, "vote_release", { proposal_id: setup.open, vote: "yes" }, zoe));
  test("a vote on a foreign proposal", () =>
    refusedWith(404, /no proposal/, "vote_release", { proposal_id: setup.foreign, vote: "no" }, ann));
  test("a vote by the operator", () =>
    refusedWith(403, /registered peers/, "vote_release", { proposal_id: setup.open, vote: "yes" }, undefined));
  test("a decision by a peer", () =>
    refusedWith(403, /Only the operator/, "decide_release", { proposal_id: setup.open, decision: "passed" }, ann));

  test("the same vote a second time, which is answered like the first", async () => {
    const once = await ok(broker, "vote_release", { proposal_id: setup.open, vote: "yes" }, ann);
    const before = await everything(broker);
    expect(await ok(broker, "vote_release", { proposal_id: setup.open, vote: "yes" }, ann)).toEqual(once);
    expect(await everything(broker)).toEqual(before);
  });

  test("inviting by an ambiguous id prefix", async () => {
    const { peers } = await ok(broker, "list_peers", {});
    const heads = (): string[] => peers.map(({ peer_id }) => peer_id.slice(0, 4));
    const known = new Set(heads());
    // Ids are random: register peers until two ids share a prefix.
    let twin = "";
    for (let i = 0; i < 2000 && !twin; i++) {
      const { peer_id } = await newPeer(broker, `many-${i}`);
      if (known.has(peer_id.slice(0, 4))) twin = peer_id.slice(0, 4);
      known.add(peer_id.slice(0, 4));
    }
    expect(twin).not.toBe("");
    const error = await refused(broker, "invite_to_pool", { pool: "own", peer: twin }, ann);
    expect(error).toMatchObject({ status: 409, code: "ambiguous", hint: expect.stringContaining("more characters") });
  });
});

test("a role for members only is refused for a peer that has left, which stays away", async () => {
  const pool = "roles";
  await ok(broker, "create_pool", { name: pool, purpose: "x" }, ann);
  await ok(broker, "invite_to_pool", { pool, peer: "ben" }, ann);
  const change = { pool, peer: "ben", role: "reviewer", member: true };
  await ok(broker, "invite_to_pool", change);
  await ok(broker, "leave_pool", { pool }, ben);
  expect(await refused(broker, "invite_to_pool", { ...change, role: "lead" })).toMatchObject({
    status: 409,
    message: "ben is no longer a member of @roles.",
  });
  const { members } = await ok(broker, "pool_status", { pool }, ann);
  expect(members.map(({ name }) => name)).toEqual(["ann"]);
});
