/** People get mail: the operator is an address with a mailbox, which is bounded, and read where it is shown. */
import { beforeAll, describe, expect, test } from "vitest";
import { call, ok, refused, send } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { openEvents } from "../support/events.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
let ann: TestPeer;
beforeAll(async () => {
  broker = await startBroker();
  ann = await newPeer(broker, "ann");
});

/** Sends to the operator, and returns the message's id. */
async function write(text: string, more: object = {}, at = broker, as = ann): Promise<string> {
  return (await ok(at, "send_message", { to: "operator", text, ...more }, as)).message_id;
}

const stateOf = async (message_id: string, as: TestPeer | undefined = ann) =>
  (await ok(broker, "message_status", { message_id }, as)).recipients[0];

describe("a message to the operator", () => {
  test("is accepted from a session, says what to expect, and is unread until it is marked", async () => {
    const sent = await ok(broker, "send_message", { to: "operator", text: "which port?" }, ann);
    expect(sent.recipients).toEqual([
      { peer_id: "operator", name: "operator", state: "queued", note: "a person, who finds it with: cct inbox" },
    ]);
    const { messages, unread } = await ok(broker, "inbox", {});
    expect(messages[0]).toMatchObject({ from: ann.peer_id, from_name: "ann", text: "which port?", state: "queued" });
    expect(unread).toBe(messages.length);
    // Listing it is not reading it.
    expect(await stateOf(sent.message_id)).toMatchObject({ state: "queued", delivered_at: null, read_at: null });
    expect(await ok(broker, "mark_read", { message_ids: [sent.message_id] })).toEqual({
      marked: 1,
      unread: unread - 1,
    });
    expect(await stateOf(sent.message_id)).toMatchObject({
      name: "operator",
      state: "read",
      read_at: expect.any(Number),
    });
    expect(await ok(broker, "mark_read", { message_ids: [sent.message_id] })).toMatchObject({ marked: 0 });
  });

  test("can be answered, and the answer can be answered: the thread goes on", async () => {
    const { message_id } = await ok(broker, "send_message", { to: "ann", text: "how far are you?" });
    const [got] = (await ok(broker, "check_messages", {}, ann)).messages;
    expect(got).toMatchObject({ from: "operator", from_name: "operator", message_id });
    const reply = await write("half way", { to: got?.from_name, reply_to: message_id });
    const { messages } = await ok(broker, "inbox", { reply_to: message_id });
    expect(messages).toMatchObject([{ message_id: reply, reply_to: message_id, thread_id: message_id }]);
    await ok(broker, "send_message", { to: ann.peer_id, text: "go on", reply_to: reply });
    const [next] = (await ok(broker, "check_messages", {}, ann)).messages;
    expect(next).toMatchObject({ text: "go on", reply_to: reply, thread_id: message_id });
  });

  test("makes no session of the operator: it is in no list, and can be neither invited nor renamed", async () => {
    await write("I am here");
    const { peers } = await ok(broker, "list_peers", {});
    expect(peers.map((peer) => peer.name)).not.toContain("operator");
    await ok(broker, "create_pool", { name: "ours", purpose: "x" }, ann);
    const invited = await refused(broker, "invite_to_pool", { pool: "ours", peer: "operator" }, ann);
    expect(invited).toMatchObject({ code: "not_found", message: expect.stringContaining("is a person") });
    expect(await refused(broker, "rename_peer", { peer: "operator", name: "boss" })).toMatchObject({ status: 404 });
    expect(await refused(broker, "forget_peer", { peer: "operator" })).toMatchObject({ status: 404 });
    const credentials = { peer_id: "operator", secret: "0".repeat(32) };
    expect(await refused(broker, "check_messages", {}, credentials)).toMatchObject({ status: 401 });
  });

  test("is in the history, also when it is asked for by the operator's name", async () => {
    const message_id = await write("for the record");
    const { messages } = await ok(broker, "messages", { peer: "operator", limit: 1 });
    expect(messages[0]).toMatchObject({ message_id, recipients: [{ name: "operator", state: "queued" }] });
    expect(messages[0]?.recipients[0]?.address).toBeUndefined();
  });

  test("is refused when the operator writes to itself", async () => {
    expect(await refused(broker, "send_message", { to: "operator", text: "note to me" })).toMatchObject({
      code: "bad_request",
      message: "'operator' is you.",
    });
  });

  test("gives a hint to a stream that was opened without a peer's credentials", async () => {
    const events = await openEvents(broker, undefined);
    await events.count(1);
    await write("look here");
    // A broker on PostgreSQL looks every few seconds for whom mail waits, and gives them a hint again.
    expect(new Set(await events.count(2))).toEqual(new Set(["mail"]));
  });
});

describe("the inbox", () => {
  test("lists what is unread first, newest first, in pages, and nothing twice", async () => {
    const own = await startBroker();
    const ben = await newPeer(own, "ben");
    const ids = [];
    for (let i = 0; i < 7; i++) ids.push(await write(`text ${i}`, {}, own, ben));
    await ok(own, "mark_read", { message_ids: ids.slice(1, 4) });
    const unread = (await ok(own, "inbox", {})).messages.map((one) => one.text);
    expect(unread).toEqual(["text 6", "text 5", "text 4", "text 0"]);
    const all: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await ok(own, "inbox", { all: true, limit: 2, ...(after === undefined ? {} : { after }) });
      expect(page.unread).toBe(4);
      all.push(...page.messages.map((one) => one.text));
      after = page.next;
      if (after === undefined) break;
    }
    expect(all).toEqual([...unread, "text 3", "text 2", "text 1"]);
    expect((await ok(own, "inbox", { message_id: ids[2], all: true })).messages).toMatchObject([{ text: "text 2" }]);
  });

  test("marks only what is in it", async () => {
    const { message_id } = await ok(broker, "send_message", { to: "ann", text: "yours, not mine" });
    expect(await ok(broker, "mark_read", { message_ids: [message_id] })).toMatchObject({ marked: 0 });
    expect(await stateOf(message_id)).toMatchObject({ name: "ann", state: "queued" });
  });

  test("that nobody reads is bounded: senders hear it, one sender leaves room for others", async () => {
    const own = await startBroker({
      env: { CCT_MAILBOX_MESSAGES: "3", CCT_SENDS_PER_MINUTE: "0", CCT_SENDS_PER_PAIR: "0" },
    });
    const [ben, zoe] = [await newPeer(own, "ben"), await newPeer(own, "zoe")];
    for (let i = 0; i < 3; i++) await write(`text ${i}`, {}, own, ben);
    const full = await refused(own, "send_message", { to: "operator", text: "one more" }, ben);
    expect(full).toMatchObject({
      code: "rate_limited",
      message: expect.stringContaining("operator's mailbox is full"),
    });
    await write("from another", {}, own, zoe);
    const { messages } = await ok(own, "inbox", {});
    expect(messages).toHaveLength(4);
    const { notes } = await ok(own, "notes", {});
    expect(notes[0]?.text).toMatch(/operator's mailbox is full .* See: cct inbox/);
    await ok(own, "mark_read", { message_ids: messages.map((one) => one.message_id) });
    await write("there is room again", {}, own, ben);
  });

  test("guards apply to it: the same text twice is not sent again", async () => {
    const ben = await newPeer(broker, "repeats");
    await write("again", {}, broker, ben);
    expect(await refused(broker, "send_message", { to: "operator", text: "again" }, ben)).toMatchObject({
      code: "rate_limited",
      message: expect.stringContaining("identical text"),
    });
  });

  test("expiry applies to it: what expires unread leaves it, and its sender is told", async () => {
    const own = await startBroker();
    const ben = await newPeer(own, "ben");
    const message_id = await write("before noon?", { expires_in_seconds: 1 }, own, ben);
    await until("it left the inbox", async () => (await ok(own, "inbox", {})).unread === 0);
    const told = await until("the sender is told", async () => {
      const { messages } = await ok(own, "check_messages", {}, ben);
      return messages[0];
    });
    expect(told.text).toContain(`to operator is expired`);
    expect((await ok(own, "inbox", { all: true })).messages).toMatchObject([{ message_id, state: "expired" }]);
    expect(await ok(own, "mark_read", { message_ids: [message_id] })).toMatchObject({ marked: 0 });
  });

  test("gets the report when a message of the operator ends unread", async () => {
    const own = await startBroker();
    await newPeer(own, "ben");
    const { message_id } = await ok(own, "send_message", { to: "ben", text: "quick one", expires_in_seconds: 1 });
    const report = await until("the report", async () => (await ok(own, "inbox", {})).messages[0]);
    expect(report).toMatchObject({ from: "cct", text: expect.stringContaining("to ben is expired") });
    expect(report.text).toContain(message_id.slice(-8));
  });
});

describe("the number of unread messages", () => {
  const path = "/api/list_peers";
  const ask = async (headers: Record<string, string>, as?: TestPeer) =>
    (await send(broker, { path, body: "{}", headers, as })).headers["x-cct-unread"];

  test("comes with any answer to a person that asks for it, and only then", async () => {
    await write("count me");
    const { unread } = await ok(broker, "inbox", {});
    expect(unread).toBeGreaterThan(0);
    expect(await ask({ "x-cct-unread": "?" })).toBe(String(unread));
    expect(await ask({})).toBeUndefined();
    expect(await ask({ "x-cct-unread": "?" }, ann)).toBeUndefined();
    // Also with an answer that is an error nothing breaks.
    expect((await call(broker, "message_status", { message_id: "nothing-here" })).status).toBe(404);
  });
});
