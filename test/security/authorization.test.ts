/**
 * Who may call what: every operation, for every kind of caller. An operation that is added to the list does not compile
 * here until somebody has said who may call it.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { type OperationName, operations } from "../../src/operations/index.ts";
import { type Answer, type Call, type Credentials, call, ok, refusal, send } from "../support/api.ts";
import { type Machines, startMachines } from "../support/machines.ts";
import { place } from "../support/peers.ts";

/** Every way to come, but for those without any token, who may nothing. */
const callers = [
  "operator",
  "admin device",
  "post device",
  "read device",
  "peer",
  "peer on a post device",
  "peer on a read device",
  "invitation",
] as const;
type CallerName = (typeof callers)[number];

const peers = ["peer", "peer on a post device"] as const;
const operator = ["operator", "admin device"] as const;
const newcomers = ["operator", "admin device", "post device"] as const;
/** Who speaks as a person, or for a peer. */
const senders = [...operator, "post device", ...peers] as const;
const people = [...operator, "post device"] as const;
const anyDevice = ["post device", "read device"] as const;

interface Answered {
  may: readonly CallerName[];
  /** Of the right shape, so that only the caller decides; what it names need not be there. */
  input: () => Record<string, unknown>;
}

const MESSAGE = "01890a5d-ac96-774b-bcce-b302099a8057";
const answers: Record<OperationName, Answered> = {
  register: { may: [...newcomers, ...peers], input: () => place() },
  heartbeat: { may: peers, input: () => ({ host_pid: 1, held: [] }) },
  unregister: { may: peers, input: () => ({ host_pid: 1 }) },
  list_peers: { may: [...operator, ...peers, ...anyDevice], input: () => ({}) },
  set_summary: { may: peers, input: () => ({ summary: "works" }) },
  rename_peer: { may: operator, input: () => ({ peer: "nobody", name: "somebody" }) },
  merge_peers: { may: operator, input: () => ({ from: "nobody", into: "somebody" }) },
  forget_peer: { may: operator, input: () => ({ peer: "nobody" }) },
  send_message: { may: senders, input: () => ({ to: "nobody", text: "hello" }) },
  claim_messages: { may: peers, input: () => ({ limit: 1, budget: 100 }) },
  ack_messages: { may: peers, input: () => ({ acks: [{ message_id: MESSAGE, attempt: 1, outcome: "read" }] }) },
  check_messages: { may: peers, input: () => ({}) },
  reread_message: { may: peers, input: () => ({ message_id: MESSAGE }) },
  message_status: { may: senders, input: () => ({ message_id: MESSAGE }) },
  messages: { may: senders, input: () => ({}) },
  import_messages: {
    may: operator,
    input: () => ({
      messages: [
        {
          message_id: MESSAGE,
          seq: 1,
          from: "operator",
          from_name: "operator",
          to: "nobody",
          urgency: "low",
          text: "hello",
          sent_at: 1,
          thread_id: MESSAGE,
          recipients: [],
        },
      ],
    }),
  },
  purge_messages: { may: operator, input: () => ({ pool: "nowhere" }) },
  search: { may: senders, input: () => ({ query: "word" }) },
  inbox: { may: people, input: () => ({}) },
  mark_read: { may: people, input: () => ({ message_ids: [MESSAGE] }) },
  resend_message: { may: [...operator, ...peers], input: () => ({ message_id: MESSAGE }) },
  inbound_policy: { may: [...operator, ...peers], input: () => ({}) },
  list_policies: { may: operator, input: () => ({}) },
  held_messages: { may: [...operator, ...peers], input: () => ({}) },
  unhold_message: { may: operator, input: () => ({ message_id: MESSAGE }) },
  notes: { may: operator, input: () => ({}) },
  overview: { may: [...operator, ...anyDevice], input: () => ({}) },
  attention: { may: operator, input: () => ({}) },
  notify_status: { may: operator, input: () => ({}) },
  notify_test: { may: operator, input: () => ({}) },
  dismiss_need: { may: operator, input: () => ({ need_id: "vote.none" }) },
  conversations: { may: operator, input: () => ({}) },
  message_details: { may: operator, input: () => ({ message_id: MESSAGE }) },
  presence_history: { may: [...operator, ...anyDevice], input: () => ({}) },
  decide_held: { may: operator, input: () => ({ message_id: MESSAGE, peer: "nobody", decision: "accept" }) },
  mute_peer: { may: operator, input: () => ({ peer: "nobody" }) },
  unmute_peer: { may: operator, input: () => ({ peer: "nobody" }) },
  pause_pool: { may: operator, input: () => ({ pool: "nowhere" }) },
  resume_pool: { may: operator, input: () => ({ pool: "nowhere" }) },
  traffic: { may: operator, input: () => ({}) },
  cost: { may: operator, input: () => ({}) },
  list_pools: { may: [...operator, ...peers, ...anyDevice], input: () => ({}) },
  create_pool: { may: [...operator, ...peers], input: () => ({ name: newName(), purpose: "to test" }) },
  join_pool: { may: peers, input: () => ({ pool: "nowhere" }) },
  invite_to_pool: { may: [...operator, ...peers], input: () => ({ pool: "nowhere", peer: "nobody" }) },
  leave_pool: { may: peers, input: () => ({ pool: "nowhere" }) },
  archive_pool: { may: [...operator, ...peers], input: () => ({ pool: "nowhere" }) },
  pool_status: { may: [...operator, ...peers], input: () => ({ pool: "nowhere" }) },
  propose_release: {
    may: [...operator, ...peers],
    input: () => ({ pool: "nowhere", peer: "nobody", reason: "it is done" }),
  },
  vote_release: { may: peers, input: () => ({ proposal_id: "0".repeat(32), vote: "yes" }) },
  decide_release: {
    may: [...operator, ...peers],
    input: () => ({ proposal_id: "0".repeat(32), decision: "withdrawn" }),
  },
  set_busy: { may: peers, input: () => ({ reason: "builds", estimate_seconds: 60 }) },
  set_ready: { may: peers, input: () => ({}) },
  register_service: {
    may: [...operator, ...peers],
    input: () => ({ kind: "preview", url: "http://127.0.0.1:1/", host: "elsewhere" }),
  },
  renew_service: { may: [...operator, ...peers], input: () => ({ service_id: "0".repeat(32), health: "healthy" }) },
  unregister_service: { may: [...operator, ...peers], input: () => ({ service: "nothing" }) },
  list_services: { may: [...operator, ...peers], input: () => ({}) },
  services_to_renew: { may: peers, input: () => ({}) },
  invite_device: { may: operator, input: () => ({}) },
  join_device: { may: ["invitation"], input: () => ({ name: "laptop" }) },
  add_device: { may: operator, input: () => ({ name: "another" }) },
  list_devices: { may: operator, input: () => ({}) },
  revoke_device: { may: operator, input: () => ({ device: "none" }) },
  open_page: { may: [...operator, ...anyDevice], input: () => ({}) },
  list_browsers: { may: operator, input: () => ({}) },
  revoke_browser: { may: operator, input: () => ({ browser: "none" }) },
  rename_device: { may: operator, input: () => ({ device: "none", name: "other" }) },
};

let names = 0;
const newName = (): string => `pool-${++names}`;

let { broker, tokens, ann, ben } = {} as Machines;
beforeAll(async () => {
  ({ broker, tokens, ann, ben } = await startMachines());
});

async function callAs(caller: CallerName, operation: OperationName): Promise<Answer> {
  const { url, token } = broker;
  const input = answers[operation].input();
  switch (caller) {
    case "operator":
      return call({ url, token }, operation, input);
    case "admin device":
      return call({ url, token: tokens.admin }, operation, input);
    case "post device":
      return call({ url, token: tokens.post }, operation, input);
    case "read device":
      return call({ url, token: tokens.read }, operation, input);
    case "peer":
      return call({ url, token }, operation, input, ann);
    case "peer on a post device":
      return call({ url, token: tokens.post }, operation, input, ann);
    case "peer on a read device":
      return call({ url, token: tokens.read }, operation, input, ann);
    case "invitation":
      return call({ url, token: (await ok(broker, "invite_device", {})).code }, operation, input);
  }
}

describe.each(Object.keys(answers) as OperationName[])("%s", (operation) => {
  test.each(callers)("as %s", async (caller) => {
    const answer = await callAs(caller, operation);
    if (answers[operation].may.includes(caller)) {
      // What it names is not there, or not now; but nobody says that the caller may not.
      expect([200, 400, 404, 409]).toContain(answer.status);
    } else {
      expect(refusal(answer)).toMatchObject({ code: "forbidden" });
    }
  });
});

/** Fewer at a time than one address may have connections. */
async function sideBySide(all: readonly OperationName[], ask: (operation: OperationName) => Promise<Answer>) {
  const answered: Answer[] = [];
  for (let i = 0; i < all.length; i += 60) answered.push(...(await Promise.all(all.slice(i, i + 60).map(ask))));
  return answered;
}

// Answers to wrong credentials come slowly after the first, so they are asked for side by side.
describe("wrong credentials are refused by every operation:", () => {
  const all = Object.keys(answers) as OperationName[];
  const wrong = (operation: OperationName, headers: NonNullable<Call["headers"]>, as?: Credentials): Promise<Answer> =>
    send(broker, { path: `/api/${operation}`, body: JSON.stringify(answers[operation].input()), headers, as });

  test.each([
    ["no token", undefined],
    ["a wrong token", `Bearer ${"0".repeat(32)}`],
    ["the token as another scheme", "basic"],
    ["an empty token", "Bearer "],
  ])("%s", async (_what, authorization) => {
    const given = authorization === "basic" ? `Basic ${broker.token}` : authorization;
    for (const answer of await sideBySide(all, (operation) => wrong(operation, { authorization: given })))
      expect(refusal(answer)).toMatchObject({ status: 401, code: "unauthorized" });
  });

  test("a peer's id with another peer's secret", async () => {
    const mixed = { peer_id: ann.peer_id, secret: ben.secret };
    // Whoever joins is no peer, and the code says who that is.
    const others = all.filter((operation) => !answers[operation].may.includes("invitation"));
    for (const answer of await sideBySide(others, (operation) => wrong(operation, {}, mixed)))
      expect(refusal(answer)).toMatchObject({ status: 401, code: "unauthorized" });
  });
});

test("the table has exactly the operations that exist", () => {
  expect(Object.keys(answers).sort()).toEqual(operations.map((one) => one.name).sort());
});
