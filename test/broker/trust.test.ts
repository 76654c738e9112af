/** Reports to senders, and what a mailbox does not accept. */

import { beforeAll, describe, expect, test } from "vitest";
import { shortMessageId } from "../../src/rules/address.ts";
import { type Credentials, ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
let count = 0;

beforeAll(async () => {
  broker = await startBroker();
});

const pair = async (): Promise<[TestPeer, TestPeer]> => {
  count++;
  return [await newPeer(broker, `from-${count}`), await newPeer(broker, `to-${count}`)];
};
const send = (as: Credentials, to: string, text: string, more = {}) =>
  ok(broker, "send_message", { to, text, ...more }, as);
const claim = async (as: Credentials) =>
  (await ok(broker, "claim_messages", { limit: 100, budget: 7000 }, as)).messages;
const state = async (id: string) => (await ok(broker, "message_status", { message_id: id })).recipients[0];

describe("mail that ends unread", () => {
  test("is reported to its sender, with its beginning and the reason", async () => {
    const [from, to] = await pair();
    const { message_id } = await send(from, to.name, "look at this", { expires_in_seconds: 1 });
    const [report] = await until("the sender is told", async () => {
      const mail = await claim(from);
      return mail.length > 0 && mail;
    });
    expect(report).toMatchObject({ from: "cct", urgency: "normal" });
    expect(report?.text).toContain(`message ${shortMessageId(message_id)} to ${to.name} is expired`);
    expect(report?.text).toContain('"look at this"');
    expect(await state(message_id)).toMatchObject({
      state: "expired",
      reason: expect.stringContaining("deadline passed"),
    });
    expect((await ok(broker, "messages", { dead: true }, from)).messages.map((one) => one.message_id)).toEqual([
      message_id,
    ]);
  });

  test("becomes a dead letter after ten lost claims; sender and operator are told, and it can be resent", async () => {
    const [from, to] = await pair();
    const { message_id } = await send(from, to.name, "hard to deliver");
    for (let i = 0; i < 10; i++) {
      const [mail] = await claim(to);
      expect(mail?.redelivered).toBe(i > 0);
      const acks = [{ message_id, attempt: mail?.attempt ?? 0, outcome: "lost" as const }];
      await ok(broker, "ack_messages", { acks }, to);
    }
    expect(await claim(to)).toEqual([]);
    expect(await state(message_id)).toMatchObject({ state: "dead", reason: expect.stringContaining("10 times") });
    expect((await claim(from)).map((one) => one.text)).toEqual([expect.stringContaining("is dead")]);
    const { notes } = await ok(broker, "notes", {});
    expect(notes.some((note) => note.text.includes(message_id))).toBe(true);

    expect(await refused(broker, "resend_message", { message_id }, to)).toMatchObject({ status: 404 });
    await ok(broker, "resend_message", { message_id }, from);
    expect(await claim(to)).toMatchObject([{ message_id, redelivered: true }]);
    expect(await refused(broker, "resend_message", { message_id }, from)).toMatchObject({ status: 409 });
  });

  test("mail that is returned unseen never becomes a dead letter", async () => {
    const [from, to] = await pair();
    await send(from, to.name, "patience");
    for (let i = 0; i < 30; i++) {
      const [mail] = await claim(to);
      const acks = [{ message_id: mail?.message_id ?? "", attempt: mail?.attempt ?? 0, outcome: "returned" as const }];
      await ok(broker, "ack_messages", { acks }, to);
    }
    expect(await claim(to)).toMatchObject([{ text: "patience", redelivered: false }]);
  });
});

describe("an inbound policy", () => {
  test("that refuses tells the sender at once, and stores nothing for the recipient", async () => {
    const [from, to] = await pair();
    await ok(broker, "inbound_policy", { policy: "refuse", from: from.name }, to);
    const { recipients, message_id } = await send(from, to.name, "hello?");
    expect(recipients).toMatchObject([{ state: "refused", note: expect.stringContaining("refuses such mail") }]);
    expect(await claim(to)).toEqual([]);
    expect(await state(message_id)).toMatchObject({ state: "refused" });
  });

  test("that holds keeps mail until the operator releases it; the recipient cannot read it before", async () => {
    const [from, to] = await pair();
    await ok(broker, "inbound_policy", { policy: "hold" }, to);
    const { recipients, message_id } = await send(from, to.name, "let me in");
    expect(recipients).toMatchObject([{ state: "held" }]);
    expect(await claim(to)).toEqual([]);
    expect((await ok(broker, "check_messages", {}, to)).messages).toEqual([]);
    const beat = await ok(broker, "heartbeat", { host_pid: to.place.host_pid, held: [] }, to);
    expect(beat).toMatchObject({ held: 1, unread: 0 });
    expect((await ok(broker, "held_messages", {}, to)).held).toMatchObject([{ message_id, text: "" }]);
    expect((await ok(broker, "held_messages", {})).held).toContainEqual(
      expect.objectContaining({ message_id, text: "let me in", to: to.name }),
    );
    expect(await refused(broker, "unhold_message", { message_id }, to)).toMatchObject({ status: 403 });
    expect(await ok(broker, "unhold_message", { message_id })).toEqual({ released: 1 });
    expect(await claim(to)).toMatchObject([{ text: "let me in", redelivered: false }]);
    expect(await refused(broker, "unhold_message", { message_id })).toMatchObject({ status: 404 });
  });

  test("never lets held mail expire silently", async () => {
    const [from, to] = await pair();
    await ok(broker, "inbound_policy", { policy: "hold" }, to);
    const { message_id } = await send(from, to.name, "soon too late", { expires_in_seconds: 1 });
    await until("it has expired", async () => (await state(message_id))?.state === "expired");
    expect((await claim(from)).map((one) => one.text)).toEqual([expect.stringContaining("while it was held")]);
    expect((await ok(broker, "notes", {})).notes.some((note) => note.text.includes(message_id))).toBe(true);
  });

  test("cannot be used to flood the operator with notes about held mail that expires", async () => {
    const [from, to] = await pair();
    await ok(broker, "inbound_policy", { policy: "hold" }, to);
    const sent = [];
    for (let i = 0; i < 5; i++) sent.push(await send(from, to.name, `too late ${i}`, { expires_in_seconds: 1 }));
    for (const { message_id } of sent)
      await until("it has expired", async () => (await state(message_id))?.state === "expired");
    const { notes } = await ok(broker, "notes", {});
    expect(notes.filter(({ text }) => text.includes(`to ${to.name} is expired`))).toHaveLength(1);
  });

  test("for a sender overrides one for a pool, which overrides the default", async () => {
    const [from, to] = await pair();
    const other = await newPeer(broker, `other-${count}`);
    const pool = `pool-${count}`;
    await ok(broker, "create_pool", { name: pool, purpose: "x" }, from);
    for (const one of [to, other]) await ok(broker, "join_pool", { pool }, one);
    await ok(broker, "inbound_policy", { policy: "refuse" }, to);
    await ok(broker, "inbound_policy", { policy: "hold", from: `@${pool}` }, to);
    await ok(broker, "inbound_policy", { policy: "accept", from: other.name }, to);
    const of = async (as: TestPeer, address: string) =>
      (await send(as, address, `${as.name} ${address}`)).recipients.find((one) => one.name === to.name)?.state;
    expect(await of(from, to.name)).toBe("refused");
    expect(await of(from, `@${pool}`)).toBe("held");
    expect(await of(other, `@${pool}`)).toBe("queued");
    expect(await of(other, to.name)).toBe("queued");
    expect((await ok(broker, "inbound_policy", { peer: to.name })).policies).toEqual(
      expect.arrayContaining([
        { from: `@${pool}`, policy: "hold" },
        { from: other.name, policy: "accept" },
        { from: "all the rest", policy: "refuse" },
      ]),
    );
  });

  test("ends again, for one sender or for all the rest; the operator sees those of all mailboxes", async () => {
    const [from, to] = await pair();
    const pool = `ending-${count}`;
    const { pool_id } = (await ok(broker, "create_pool", { name: pool, purpose: "x" })).pool;
    await ok(broker, "inbound_policy", { policy: "refuse" }, to);
    await ok(broker, "inbound_policy", { policy: "hold", from: from.name }, to);
    await ok(broker, "inbound_policy", { policy: "accept", from: `@${pool}`, peer: to.name });
    await ok(broker, "inbound_policy", { policy: "hold", from: to.name }, from);
    const of = async (peer?: string) =>
      (await ok(broker, "list_policies", peer === undefined ? {} : { peer })).policies;
    const mine = { peer_id: to.peer_id, name: to.name };
    const set = await of(to.name);
    expect(set).toHaveLength(3);
    expect(set).toEqual(
      expect.arrayContaining([
        { ...mine, from: "all the rest", policy: "refuse" },
        { ...mine, from: from.name, ref: from.peer_id, policy: "hold" },
        { ...mine, from: `@${pool}`, ref: `@${pool_id}`, policy: "accept" },
      ]),
    );
    expect(await of()).toEqual(
      expect.arrayContaining([
        ...set,
        { peer_id: from.peer_id, name: from.name, from: to.name, ref: to.peer_id, policy: "hold" },
      ]),
    );
    // What the list names is what ends it.
    for (const { ref } of set)
      await ok(broker, "inbound_policy", {
        policy: "default",
        peer: to.peer_id,
        ...(ref !== undefined && { from: ref }),
      });
    expect(await of(to.name)).toEqual([]);
    expect((await send(from, to.name, "now?")).recipients).toMatchObject([{ state: "queued" }]);
    expect(await ok(broker, "inbound_policy", { policy: "default" }, to)).toMatchObject({
      policies: [{ from: "all the rest", policy: "accept" }],
    });
  });

  test("does not apply to a person, and is set by the session itself", async () => {
    const [from, to] = await pair();
    await ok(broker, "inbound_policy", { policy: "refuse" }, to);
    const { recipients } = await ok(broker, "send_message", { to: to.name, text: "it is me" });
    expect(recipients).toMatchObject([{ state: "queued" }]);
    expect(await refused(broker, "inbound_policy", { policy: "accept", peer: to.name }, from)).toMatchObject({
      status: 403,
    });
    expect(await refused(broker, "inbound_policy", { policy: "accept" })).toMatchObject({ status: 400 });
    expect(await refused(broker, "inbound_policy", { from: to.name }, from)).toMatchObject({ status: 400 });
    expect(await refused(broker, "inbound_policy", { policy: "maybe" }, from)).toMatchObject({ status: 400 });
  });
});

test("a sender is told if the recipient's hooks take no mail, or its machine cannot write it; the list of peers says so", async () => {
  const [from, to] = await pair();
  const beat = (hooks: "live" | "quiet" | "unwritable") =>
    ok(broker, "heartbeat", { host_pid: to.place.host_pid, hooks, held: [] }, to);
  await beat("quiet");
  expect((await send(from, to.name, "one")).recipients[0]?.note).toMatch(/^no live hook: it has taken no mail yet/);
  await beat("unwritable");
  expect((await send(from, to.name, "full")).recipients[0]?.note).toContain("cannot write mail now");
  const hooksOf = async () => (await ok(broker, "list_peers", {})).peers.find((peer) => peer.name === to.name)?.hooks;
  expect(await hooksOf()).toBe("unwritable");
  // A tool has shown it; hooks still cannot.
  const { messages } = await ok(broker, "check_messages", {}, to);
  const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "delivered" as const }));
  await ok(broker, "ack_messages", { acks, via: "check", batch: "check-1" }, to);
  expect(await hooksOf()).toBe("unwritable");
  await beat("live");
  expect(await hooksOf()).toBeUndefined();
  expect((await send(from, to.name, "two")).recipients[0]?.note).toContain("will be woken");
});
