/** What pools, votes and busy signals refuse: with words that say what to do, and nothing changed. */
import { beforeAll, describe, expect, test } from "vitest";
import type { OperationName } from "../../src/operations/index.ts";
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, stayAlive, type TestPeer } from "../support/peers.ts";
import { everything } from "../support/pools.ts";

let broker: TestBroker;
/** Lead of `own` and of `over`; `ben` is the other member of both; `zoe` is in `foreign` alone; `dead` has ended. */
let ann: TestPeer;
let ben: TestPeer;
let zoe: TestPeer;
let open: string;
let decided: string;
let foreign: string;

beforeAll(async () => {
  // One test registers hundreds of peers in a moment, which the broker would take for a flood.
  broker = await startBroker({ env: { CCT_REGISTRATIONS_PER_MINUTE: "0" } });
  [ann, ben, zoe] = [await newPeer(broker, "ann"), await newPeer(broker, "ben"), await newPeer(broker, "zoe")];
  stayAlive(broker, ann, ben, zoe);
  const dead = await newPeer(broker, "dead");
  for (const name of ["own", "over"]) {
    await ok(broker, "create_pool", { name, purpose: `of ann, ${name}` }, ann);
    await ok(broker, "join_pool", { pool: name }, ben);
  }
  await ok(broker, "join_pool", { pool: "own" }, dead);
  await ok(broker, "archive_pool", { pool: "over" }, ann);
  await ok(broker, "create_pool", { name: "foreign", purpose: "of zoe" }, zoe);
  await ok(broker, "join_pool", { pool: "foreign" }, dead);
  const propose = async (pool: string, peer: string, as: TestPeer): Promise<string> =>
    (await ok(broker, "propose_release", { pool, peer, reason: "done" }, as)).proposal_id;
  open = await propose("own", "ben", ann);
  decided = await propose("own", "ann", ben);
  await ok(broker, "decide_release", { proposal_id: decided, decision: "rejected" });
  foreign = await propose("foreign", "dead", zoe);
  await ok(broker, "unregister", { claude_pid: dead.place.claude_pid }, dead);
  await ok(broker, "set_busy", { reason: "writing", estimate_seconds: 3600 }, ben);
});

/** That it is refused: with this status, these words in what is wrong or what to do, and nothing changed. */
async function refusedWith(
  status: number,
  words: RegExp,
  operation: OperationName,
  input: unknown,
  as: TestPeer | undefined,
): Promise<void> {
  const before = await everything(broker);
  const error = await refused(broker, operation, input, as);
  expect({ status: error.status, says: `${error.message} ${error.hint}` }).toEqual({
    status,
    says: expect.stringMatching(words),
  });
  expect(await everything(broker)).toEqual(before);
}

/** Every operation on a pool, with an input that is good but for the pool. */
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
    "of a pool that there is not (%j) names those that there are",
    (pool) => refusedWith(404, /no pool .*Active pools: .*@own/, operation, { pool, ...more }, ann),
  );

  test.each([undefined, null, "", 7, ["own"], "x".repeat(81)])("of %j is refused by shape", async (pool) => {
    if (operation === "list_peers" && pool === undefined) return;
    await refusedWith(400, /pool/, operation, { pool, ...more }, ann);
  });

  test("with a field that is not known is refused", async () => {
    await refusedWith(400, /colour/, operation, { pool: "own", ...more, colour: "red" }, ann);
  });
});

/** What a peer does to an archived pool of its own, to somebody else's, and to one that it is not in. */
const wrong: [string, number, RegExp, OperationName, Record<string, unknown>, () => TestPeer | undefined][] = [
  ["a stranger revives an archived pool", 403, /only who was a member/, "join_pool", { pool: "over" }, () => zoe],
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
  ["mail to nobody's pool", 404, /no pool '@nowhere'/, "send_message", { to: "@nowhere", text: "x" }, () => ann],

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
  ["inviting a dead peer", 409, /dead is offline/, "invite_to_pool", { pool: "own", peer: "dead" }, () => ann],
  ["inviting nobody", 404, /no peer 'nobody'.*ann/, "invite_to_pool", { pool: "own", peer: "nobody" }, () => ann],
  ["inviting a member", 409, /member of @own already/, "invite_to_pool", { pool: "own", peer: "ben" }, () => ann],
  [
    "a reason with an escape",
    400,
    /U\+001B/,
    "invite_to_pool",
    { pool: "own", peer: "zoe", reason: "\u001b[1m" },
    () => ann,
  ],
  [
    "a reason without end",
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
    { pool: "own", peer: "dead", reason: " \n" },
    () => ann,
  ],
  [
    "a release for a control character",
    400,
    /U\+0007/,
    "propose_release",
    { pool: "own", peer: "dead", reason: "\u0007" },
    () => ann,
  ],
  [
    "a second release of one member",
    409,
    /is open: .{4}.*vote_release/,
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
    { pool: "own", peer: "dead", reason: "x", deadline_seconds },
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
  ["a vote on what is no id", 404, /no proposal/, "vote_release", { proposal_id: "%%%%", vote: "yes" }, () => ann],
  ["a vote that is none", 400, /vote/, "vote_release", { proposal_id: "ffff", vote: "maybe" }, () => ann],
  [
    "a decision that is none",
    400,
    /decision/,
    "decide_release",
    { proposal_id: "ffff", decision: "open" },
    () => undefined,
  ],
];

describe("refused, with nothing changed:", () => {
  test.each(wrong)("%s", (_, status, words, operation, input, as) =>
    refusedWith(status, words, operation, input, as()),
  );

  test("a vote after the end", () =>
    refusedWith(409, /is rejected: the operator/, "vote_release", { proposal_id: decided, vote: "yes" }, ann));
  test("a vote by who is no voter", () =>
    refusedWith(404, /no proposal/, "vote_release", { proposal_id: open, vote: "yes" }, zoe));
  test("a vote on a foreign proposal", () =>
    refusedWith(404, /no proposal/, "vote_release", { proposal_id: foreign, vote: "no" }, ann));
  test("a vote by the operator", () =>
    refusedWith(403, /registered peers/, "vote_release", { proposal_id: open, vote: "yes" }, undefined));
  test("a decision by a peer", () =>
    refusedWith(403, /Only the operator/, "decide_release", { proposal_id: open, decision: "passed" }, ann));

  test("the same vote a second time", async () => {
    const once = await ok(broker, "vote_release", { proposal_id: open, vote: "yes" }, ann);
    const before = await everything(broker);
    expect(await ok(broker, "vote_release", { proposal_id: open, vote: "yes" }, ann)).toEqual(once);
    expect(await everything(broker)).toEqual(before);
  });

  test("inviting by the beginning of two ids", async () => {
    const { peers } = await ok(broker, "list_peers", {});
    const heads = (): string[] => peers.map(({ peer_id }) => peer_id.slice(0, 4));
    const known = new Set(heads());
    // Ids are random: as many peers as it takes for two to begin alike.
    let twin = "";
    for (let i = 0; i < 2000 && !twin; i++) {
      const { peer_id } = await newPeer(broker, "many");
      if (known.has(peer_id.slice(0, 4))) twin = peer_id.slice(0, 4);
      known.add(peer_id.slice(0, 4));
    }
    expect(twin).not.toBe("");
    const error = await refused(broker, "invite_to_pool", { pool: "own", peer: twin }, ann);
    expect(error).toMatchObject({ status: 409, code: "ambiguous", hint: expect.stringContaining("more characters") });
  });
});

const words: [string, string][] = [
  ["nothing", ""],
  ["blanks", " \n\t"],
  ["a NUL", "a\0b"],
  ["an escape sequence", "\u001b[31mred"],
  ["a C1 control", "\u009b1A"],
  ["a DEL", "\u007f"],
  ["half a character", "\ud800"],
  ["only what is invisible", "\u200b\u2066"],
  ["more than it may", "x".repeat(1001)],
];

describe.each(words)("words that are, or hold, %s", (_, text) => {
  test("are no purpose", () => refusedWith(400, /purpose/, "create_pool", { name: "fresh", purpose: text }, ann));
  test("are no name", () => refusedWith(400, /name/, "create_pool", { name: text, purpose: "x" }, ann));
  test("are no role", async () => {
    await refusedWith(400, /role/, "join_pool", { pool: "foreign", role: text }, ann);
    await refusedWith(400, /role/, "invite_to_pool", { pool: "own", peer: "zoe", role: text }, ann);
  });
  test("are no reason to be busy", () =>
    refusedWith(400, /reason/, "set_busy", { reason: text, estimate_seconds: 60 }, ann));
});

test("a role of 33 characters, and a purpose of 501, are one too long", async () => {
  await refusedWith(400, /33 characters; 32/, "join_pool", { pool: "foreign", role: "x".repeat(33) }, ann);
  await refusedWith(400, /501 characters; 500/, "create_pool", { name: "fresh", purpose: "x".repeat(501) }, ann);
});

test.each(["own", "OWN", "@own", "a b", "-x", "x/y", "x".repeat(41)])("no pool is created under the name %j", (name) =>
  refusedWith(/^own$/i.test(name) ? 409 : 400, /name/, "create_pool", { name, purpose: "x" }, zoe),
);

test.each([0, -1, -3600, 0.5, 86_401, 1e300, "60", null, undefined])(
  "an estimate of %j seconds is refused, and the signal that holds stays",
  (estimate_seconds) => refusedWith(400, /estimate_seconds/, "set_busy", { reason: "x", estimate_seconds }, ben),
);

test.each<OperationName>(["set_busy", "set_ready", "join_pool", "leave_pool", "vote_release"])(
  "%s is nothing for the operator",
  async (operation) => {
    const input = {
      set_busy: { reason: "x", estimate_seconds: 1 },
      vote_release: { proposal_id: open, vote: "no" },
      join_pool: { pool: "own" },
      leave_pool: { pool: "own" },
    }[operation as string];
    await refusedWith(403, /for registered peers/, operation, input ?? {}, undefined);
  },
);
