/** A peer cannot read or change what belongs to others. Generated from the list of operations: a new one needs its attempts here. */
import { beforeAll, describe, expect, test } from "vitest";
import type { Operation } from "../../src/operations/core/operation.ts";
import { type OperationName, operations } from "../../src/operations/index.ts";
import { type Credentials, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import { outcomeOf } from "../support/outcome.ts";
import { newPeer, stayAlive, type TestPeer } from "../support/peers.ts";
import { everything } from "../support/pools.ts";

let works: Clockwork;
/** Ann and carl are in `own` and in the private `zq-den`; eve is in `own`, too; bob is in neither. */
let ann: TestPeer;
let bob: TestPeer;
let carl: TestPeer;
let eve: TestPeer;

/** What belongs to ann. Every text of it that bob may not see contains this word. */
const MARK = "zq";
const its = { mail: "", claimed: "", dead: "", held: "", secret: "", proposal: "", denProposal: "", service: "" };

beforeAll(async () => {
  works = await openClockwork();
  [ann, bob] = [await works.newPeer("ann"), await works.newPeer("bob")];
  [carl, eve] = [await works.newPeer("carl"), await works.newPeer("eve")];
  await works.call("create_pool", { name: "own", purpose: "for all to see" }, ann);
  await works.call("create_pool", { name: "zq-den", purpose: "zq purpose", private: true }, ann);
  for (const peer of [carl, eve]) await works.call("join_pool", { pool: "own", role: "zq role" }, peer);
  for (const peer of [carl, eve])
    await works.call("invite_to_pool", { pool: "zq-den", peer: peer.name, role: "zq den", reason: "zq" }, ann);
  const send = async (to: string, as: TestPeer, more = {}) =>
    (await works.call("send_message", { to, text: `zq from ${as.name}`, ...more }, as)).message_id;
  its.claimed = await send("ann", carl);
  await works.call("check_messages", { limit: 100 }, ann);
  its.mail = await send("ann", carl);
  its.secret = await send("@zq-den", carl);
  await works.call("inbound_policy", { policy: "hold", from: "eve" }, ann);
  its.held = await send("ann", eve);
  await works.call("inbound_policy", { policy: "refuse", from: "ann" }, eve);
  its.dead = await send("eve", ann);
  const propose = async (pool: string) =>
    (await works.call("propose_release", { pool, peer: "carl", reason: "zq reason" }, ann)).proposal_id;
  [its.proposal, its.denProposal] = [await propose("own"), await propose("zq-den")];
  const service = await works.call("register_service", { kind: "api", url: "http://h:1", host: "h" }, ann);
  its.service = service.service_id;
  await works.call("set_busy", { reason: "work", estimate_seconds: 3600 }, ann);
});

interface Attempt {
  input: () => Record<string, unknown>;
  /** The error code; `nothing`: it succeeds, but neither shows nor changes anything of others. */
  code: string;
}
const attempt = (code: string, input: () => Record<string, unknown>): Attempt => ({ code, input });
/** On a public pool that bob is not a member of, and on a private pool, which does not exist for him. */
const onPools = (more: Record<string, unknown>, code = "forbidden"): Attempt[] => [
  attempt(code, () => ({ pool: "own", ...more })),
  attempt("not_found", () => ({ pool: "zq-den", ...more })),
];

/** What bob tries, for each operation that peers may call. */
const attempts: Partial<Record<OperationName, Attempt[]>> = {
  register: [attempt("conflict", () => ({ ...ann.place, name: "ann" }))],
  heartbeat: [
    attempt("conflict", () => ({ host_pid: ann.place.host_pid, held: [] })),
    attempt("nothing", () => ({
      host_pid: bob.place.host_pid,
      held: [{ message_id: its.claimed, attempt: 1 }],
    })),
  ],
  unregister: [attempt("nothing", () => ({ host_pid: ann.place.host_pid }))],
  list_peers: [attempt("nothing", () => ({})), ...onPools({})],
  set_summary: [attempt("conflict", () => ({ summary: "x", name: "ANN" }))],
  send_message: [
    ...["@own", "@own/ann"].map((to) => attempt("forbidden", () => ({ to, text: "x" }))),
    ...["@zq-den", "@zq-den/ann"].map((to) => attempt("not_found", () => ({ to, text: "x" }))),
    attempt("conflict", () => ({ to: "carl", text: "x", message_id: its.mail })),
    ...(["mail", "secret", "held", "dead"] as const).map((what) =>
      attempt("not_found", () => ({ to: "carl", text: "x", reply_to: its[what] })),
    ),
  ],
  claim_messages: [attempt("nothing", () => ({ limit: 100, budget: 7000 }))],
  ack_messages: [
    attempt("nothing", () => ({
      acks: [its.claimed, its.mail, its.held].flatMap((message_id) =>
        ["read", "lost", "returned"].map((outcome) => ({ message_id, attempt: 1, outcome })),
      ),
      via: "wake",
      batch: "b",
    })),
  ],
  check_messages: [attempt("nothing", () => ({}))],
  message_status: (["mail", "claimed", "secret", "held", "dead"] as const).map((what) =>
    attempt("not_found", () => ({ message_id: its[what] })),
  ),
  reread_message: (["mail", "claimed", "secret", "held", "dead"] as const).map((what) =>
    attempt("not_found", () => ({ message_id: its[what] })),
  ),
  messages: [{}, { peer: "ann" }, { dead: true }, { dead: true, peer: "ann" }].map((input) =>
    attempt("nothing", () => input),
  ),
  // A word of all texts there are, and none that would be taken out of the answer.
  search: [{}, { with: "ann" }, { from: "carl" }, { pool: "own" }, { state: "held" }].map((more) =>
    attempt("nothing", () => ({ query: "from", ...more })),
  ),
  resend_message: (["dead", "mail"] as const).map((what) => attempt("not_found", () => ({ message_id: its[what] }))),
  inbound_policy: [
    attempt("forbidden", () => ({ peer: "ann" })),
    attempt("forbidden", () => ({ peer: "ann", policy: "refuse" })),
    attempt("forbidden", () => ({ peer: "ann", policy: "accept", from: "eve" })),
    attempt("not_found", () => ({ policy: "hold", from: "@zq-den" })),
    attempt("nothing", () => ({})),
  ],
  held_messages: [attempt("nothing", () => ({}))],
  list_pools: [false, true].map((include_archived) => attempt("nothing", () => ({ include_archived }))),
  create_pool: [attempt("conflict", () => ({ name: "OWN", purpose: "x" }))],
  join_pool: [
    attempt("conflict", () => ({ pool: "own", role: "lead" })),
    attempt("not_found", () => ({ pool: "zq-den" })),
  ],
  invite_to_pool: [...onPools({ peer: "eve" }), ...onPools({ peer: "bob" }), ...onPools({ peer: "eve", role: "lead" })],
  leave_pool: onPools({}),
  archive_pool: onPools({}),
  pool_status: onPools({}),
  propose_release: onPools({ peer: "ann", reason: "x" }),
  vote_release: (["proposal", "denProposal"] as const).flatMap((what) =>
    [32, 8, 4].map((length) => attempt("not_found", () => ({ proposal_id: its[what].slice(0, length), vote: "no" }))),
  ),
  decide_release: (["proposal", "denProposal"] as const).flatMap((what) =>
    ["withdrawn", "passed"].map((decision) => attempt("not_found", () => ({ proposal_id: its[what], decision }))),
  ),
  set_busy: [
    attempt("bad_request", () => ({ reason: "x", estimate_seconds: 9, peer: "ann" })),
    attempt("nothing", () => ({ reason: "x", estimate_seconds: 9 })),
  ],
  set_ready: [attempt("bad_request", () => ({ peer: "ann" })), attempt("nothing", () => ({}))],
  register_service: [
    attempt("conflict", () => ({ kind: "api", url: "http://h:1/mine", host: "h" })),
    attempt("conflict", () => ({ kind: "api", url: "http://h:2", host: "h", service_id: its.service })),
  ],
  renew_service: [attempt("forbidden", () => ({ service_id: its.service, health: "unhealthy" }))],
  unregister_service: [attempt("forbidden", () => ({ service: its.service }))],
  list_services: [attempt("nothing", () => ({}))],
  services_to_renew: [attempt("nothing", () => ({}))],
};

const all: readonly Operation[] = operations;
const forPeers = all.filter((op) => op.by.includes("peer"));

/** The content of the store without bob's own rows, where his activity is recorded. */
async function othersData(): Promise<unknown> {
  const { peers = [], presence_spans = [], ...rest } = await works.dump();
  const isOthers = (row: unknown): boolean => (row as { peer_id: string }).peer_id !== bob.peer_id;
  return { ...rest, peers: peers.filter(isOthers), presence_spans: presence_spans.filter(isOthers) };
}

/** Whether a text reveals anything that bob may not see. Repeating his own input does not count. */
const reveals = (said: string, input: unknown): boolean => {
  const typed = Object.values(input as Record<string, unknown>).flatMap((one) =>
    typeof one === "string" && one.includes(MARK) ? [one.replace(/^@/, "").replace(/\/.*$/, "")] : [],
  );
  return typed.reduce((text, one) => text.replaceAll(one, ""), said).includes(MARK);
};

test.each(forPeers.map((op) => op.name))("%s has attempts here", (name) => {
  expect(attempts[name as OperationName]?.length ?? 0).toBeGreaterThan(0);
});

describe.each(forPeers.map((op) => op.name))("%s", (name) => {
  const mine = attempts[name as OperationName] ?? [];

  test.each(mine.map((one, i) => [i, one.code, one] as const))(
    "attempt %i on what belongs to others ends with %s",
    async (_, code, one) => {
      const before = await othersData();
      const answer = await outcomeOf(works, name, one.input(), bob);
      expect(answer).toMatchObject({ code });
      expect(reveals(answer.said, one.input()), answer.said).toBe(false);
      expect(await othersData()).toEqual(before);
    },
  );

  test("refuses another peer's id without its secret", async () => {
    const before = await works.dump();
    const { peer_id, secret } = ann;
    const forged: Credentials[] = [
      { peer_id, secret: bob.secret },
      { peer_id, secret: "0".repeat(32) },
      { peer_id, secret: "" },
      { peer_id, secret: secret.slice(0, -1) },
      { peer_id, secret: `${secret}0` },
      { peer_id, secret: secret.toUpperCase() === secret ? `${secret} ` : secret.toUpperCase() },
      { peer_id: peer_id.slice(0, 8), secret },
      { peer_id: "ann", secret },
      { peer_id: "operator", secret },
      { peer_id: "%", secret },
    ];
    for (const one of mine.filter((some) => some.code !== "bad_request"))
      for (const credentials of forged)
        expect(await outcomeOf(works, name, one.input(), credentials)).toMatchObject({ code: "unauthorized" });
    expect(await works.dump()).toEqual(before);
  });
});

/** A message as `cct export` writes it. */
const exported = {
  ...{ message_id: "message-of-elsewhere", seq: 1, from: "0".repeat(32), from_name: "x", to: "y", urgency: "low" },
  ...{ text: "x", sent_at: 1, thread_id: "message-of-elsewhere", recipients: [] },
};

test.each(all.filter((op) => !op.by.includes("peer")).map((op) => op.name))("%s is refused to peers", async (name) => {
  const before = await works.dump();
  const inputs: Partial<Record<string, object>> = {
    unhold_message: { message_id: its.held },
    mark_read: { message_ids: [its.held] },
    join_device: { name: "x" },
    add_device: { name: "x" },
    revoke_device: { device: "x" },
    rename_device: { device: "x", name: "y" },
    rename_peer: { peer: "x", name: "y" },
    merge_peers: { from: "x", into: "y" },
    forget_peer: { peer: "x" },
    import_messages: { messages: [exported] },
    decide_held: { message_id: its.held, peer: "ann", decision: "accept" },
    mute_peer: { peer: "ann" },
    unmute_peer: { peer: "ann" },
    pause_pool: { pool: "own" },
    resume_pool: { pool: "own" },
    dismiss_need: { need_id: `blocked.${ann.peer_id}` },
    message_details: { message_id: its.mail },
    revoke_browser: { browser: "all" },
  };
  expect(await outcomeOf(works, name, inputs[name] ?? {}, ann)).toMatchObject({ code: "forbidden" });
  expect(await works.dump()).toEqual(before);
});

test("over HTTP, another peer's id without its secret is refused by every operation, and changes nothing", async () => {
  const broker: TestBroker = await startBroker();
  const [one, two] = [await newPeer(broker, "one"), await newPeer(broker, "two")];
  stayAlive(broker, one, two);
  const before = await everything(broker);
  // In parallel: the tarpit delays answers to wrong credentials.
  for (const secret of [two.secret, one.secret.slice(0, -1), "0".repeat(32)]) {
    const answers = forPeers.map(async (op) => {
      const input = attempts[op.name as OperationName]?.find((some) => some.code !== "bad_request")?.input() ?? {};
      return [op.name, await refused(broker, op.name, input, { peer_id: one.peer_id, secret })];
    });
    for (const answer of await Promise.all(answers))
      expect(answer).toMatchObject([expect.any(String), { status: 401, code: "unauthorized" }]);
  }
  expect(await everything(broker)).toEqual(before);
});

test("a message that was refused by a mailbox cannot be forced in by resending it", async () => {
  const before = await works.dump();
  expect(await outcomeOf(works, "resend_message", { message_id: its.dead }, ann)).toMatchObject({ code: "conflict" });
  expect(await works.dump()).toEqual(before);
  expect((await works.call("resend_message", { message_id: its.dead })).recipients[0]?.state).toBe("queued");
});
