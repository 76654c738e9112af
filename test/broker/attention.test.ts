/** What needs the operator, through the broker's own operations: each kind comes with its cause, and goes with it. */
import { beforeEach, expect, test } from "vitest";
import type { InputOf, OutputOf } from "../../src/operations/index.ts";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import type { TestPeer } from "../support/peers.ts";
import { rejectedBy } from "../support/thrown.ts";

let works: Clockwork;
let ann: TestPeer;
let bob: TestPeer;
beforeEach(async () => {
  works = await openClockwork(undefined, undefined, { hops: 3 });
  [ann, bob] = [await works.newPeer("ann"), await works.newPeer("bob")];
});

const beat = (peer: TestPeer, more: Partial<InputOf<"heartbeat">> = {}): Promise<unknown> =>
  works.call("heartbeat", { host_pid: peer.place.host_pid, held: [], ...more }, peer);
const needs = async (): Promise<OutputOf<"attention">["needs"]> => (await works.call("attention", {})).needs;

test("a session that waits for a permission, until it goes on", async () => {
  const at = works.now();
  await beat(ann, { presence: "blocked" });
  works.setOn(1_000);
  await beat(ann, { presence: "blocked" });
  expect(await needs()).toMatchObject([
    { kind: "blocked", peer_id: ann.peer_id, name: "ann", at, detail: expect.stringContaining(ann.place.cwd) },
  ]);
  await beat(ann, { presence: "active" });
  expect(await needs()).toEqual([]);
});

test("an open vote, with its votes and the time that is left, until it is decided", async () => {
  const carl = await works.newPeer("carl");
  await works.call("create_pool", { name: "front", purpose: "x", private: true }, ann);
  for (const peer of ["bob", "carl"]) await works.call("invite_to_pool", { pool: "front", peer }, ann);
  works.setOn(700_000);
  for (const peer of [ann, bob, carl]) await beat(peer);
  const proposal = { pool: "front", peer: "carl", reason: "its part is merged", deadline_seconds: 60 };
  const { proposal_id, voters, needed } = await works.call("propose_release", proposal, ann);
  expect(await needs()).toMatchObject([
    {
      kind: "vote",
      proposal_id,
      pool: "front",
      name: "carl",
      deadline: works.now() + 60_000,
      votes: { yes: 1, no: 0, voters: voters.length, needed },
      detail: "its part is merged",
    },
  ]);
  await works.call("decide_release", { proposal_id, decision: "rejected" });
  expect(await needs()).toEqual([]);
});

test("a question to the operator until it is answered, and any other message until it is read", async () => {
  const asked = await works.call("send_message", { to: "operator", text: "Which port?" }, ann);
  works.setOn(1);
  const said = await works.call("send_message", { to: "operator", text: "Done." }, bob);
  expect(await needs()).toMatchObject([
    { kind: "question", message_id: asked.message_id, name: "ann", detail: "Which port?" },
    { kind: "question", message_id: said.message_id, name: "bob", detail: "Done." },
  ]);
  await works.call("mark_read", { message_ids: [asked.message_id, said.message_id] });
  expect((await needs()).map((need) => need.name)).toEqual(["ann"]);
  works.setOn(1);
  await works.call("send_message", { reply_to: asked.message_id, text: "7888" });
  expect(await needs()).toEqual([]);
});

test("mail that a policy holds, one row for each sender and mailbox, until it is released", async () => {
  await works.call("inbound_policy", { policy: "hold" }, bob);
  const first = await works.call("send_message", { to: "bob", text: "one", expires_in_seconds: 60 }, ann);
  works.setOn(1);
  const second = await works.call("send_message", { to: "bob", text: "two" }, ann);
  const ids = [first.message_id, second.message_id];
  expect(await needs()).toMatchObject([
    {
      kind: "held",
      name: "bob",
      other: "ann",
      count: 2,
      message_ids: ids,
      detail: "one",
      deadline: expect.any(Number),
    },
  ]);
  for (const message_id of ids) await works.call("unhold_message", { message_id });
  expect(await needs()).toEqual([]);
});

test("a dead letter until it is sent again; not what expired because its sender wanted it", async () => {
  const { message_id } = await works.call("send_message", { to: "bob", text: "hard to deliver" }, ann);
  await works.call("send_message", { to: "bob", text: "soon", expires_in_seconds: 1 }, ann);
  for (let i = 0; i < 10; i++) {
    const { messages } = await works.call("claim_messages", { limit: 9, budget: 9_000 }, bob);
    const acks = messages.map((one) => ({
      message_id: one.message_id,
      attempt: one.attempt,
      outcome: "lost" as const,
    }));
    await works.call("ack_messages", { acks }, bob);
    await works.pass(1_000, ann, bob);
  }
  expect(await needs()).toMatchObject([
    { kind: "dead", name: "bob", count: 1, message_id, detail: expect.stringContaining("10 times") },
  ]);
  await works.call("resend_message", { message_id });
  expect(await needs()).toEqual([]);
});

test("a loop that was stopped, until it is put aside; it comes back when it is stopped again", async () => {
  let last = (await works.call("send_message", { to: "bob", text: "hop" }, ann)).message_id;
  const reply = (as: TestPeer) => works.call("send_message", { reply_to: last, text: "hop" }, as);
  for (const peer of [bob, ann]) last = (await reply(peer)).message_id;
  await rejectedBy(reply(bob));
  const [need, ...others] = await needs();
  expect(others).toEqual([]);
  expect(need).toMatchObject({ kind: "guard", guard: "hops", name: "bob", other: "ann", other_id: ann.peer_id });
  const need_id = need?.need_id ?? "";
  await works.call("dismiss_need", { need_id });
  expect(await needs()).toEqual([]);
  await works.call("dismiss_need", { need_id, undo: true });
  expect(await needs()).toHaveLength(1);
  await works.call("dismiss_need", { need_id });
  // At most one note in ten minutes.
  works.setOn(11 * 60_000);
  await rejectedBy(reply(bob));
  expect(await needs()).toMatchObject([{ need_id }]);
});

test("a session whose mail nothing takes, until it takes some", async () => {
  await beat(ann, { hooks: "quiet" });
  expect(await needs()).toEqual([]);
  await works.call("send_message", { to: "ann", text: "hello" }, bob);
  expect(await needs()).toMatchObject([{ kind: "nohook", name: "ann", count: 1 }]);
  const { messages } = await works.call("check_messages", {}, ann);
  const acks = messages.map((one) => ({
    message_id: one.message_id,
    attempt: one.attempt,
    outcome: "delivered" as const,
  }));
  await works.call("ack_messages", { acks }, ann);
  expect(await needs()).toEqual([]);
});

test("a service that does not answer, since when, until it does", async () => {
  const { service_id } = await works.call(
    "register_service",
    { kind: "db", name: "orders-db", url: "http://127.0.0.1:1/", host: "elsewhere", ttl_seconds: 3_600 },
    ann,
  );
  const probe = (health: "healthy" | "unhealthy") => works.call("renew_service", { service_id, health }, ann);
  await probe("healthy");
  works.setOn(5_000);
  const at = works.now();
  await probe("unhealthy");
  works.setOn(5_000);
  await probe("unhealthy");
  const [need] = await needs();
  expect(need).toMatchObject({ kind: "service", name: "orders-db", service_id, at });
  await works.call("dismiss_need", { need_id: need?.need_id ?? "" });
  await probe("healthy");
  works.setOn(5_000);
  await probe("unhealthy");
  expect(await needs()).toMatchObject([{ kind: "service", at: works.now() }]);
  await probe("healthy");
  expect(await needs()).toEqual([]);
});

test("what is no row cannot be put aside; what was put aside is forgotten after seven days", async () => {
  expect(await rejectedBy(works.call("dismiss_need", { need_id: "nothing" }))).toMatchObject({ code: "bad_request" });
  const need_id = `blocked.${ann.peer_id}`;
  expect(await works.call("dismiss_need", { need_id })).toMatchObject({ found: false });
  expect(await works.call("dismiss_need", { need_id, undo: true })).toMatchObject({ found: false, listed: false });
  expect((await works.dump()).dismissals).toEqual([]);
  await beat(ann, { presence: "blocked" });
  // A repeated call is no mistake.
  for (let i = 0; i < 2; i++) expect(await works.call("dismiss_need", { need_id })).toMatchObject({ found: true });
  expect((await works.dump()).dismissals).toHaveLength(1);
  works.setOn(8 * 86_400_000);
  const days = { keep_read_days: 0, keep_failed_days: 0, keep_notes_days: 0, keep_peers_days: 0, keep_pools_days: 0 };
  await works.clear(days);
  expect((await works.dump()).dismissals).toEqual([]);
});
