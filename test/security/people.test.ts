/** People at other machines: each has a mailbox of their own, which nobody else reads, and the rights of its token. */
import { beforeAll, describe, expect, test } from "vitest";
import { ok, refused } from "../support/api.ts";
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

interface Machine {
  at: TestBroker;
  device_id: string;
  address: string;
}

let machines = 0;

async function machine(scope: "read" | "post" | "admin"): Promise<Machine> {
  machines += 1;
  const { token, device_id, name } = await ok(broker, "add_device", { name: `desk-${machines}x`, scope });
  return { at: { ...broker, token }, device_id, address: `operator@${name}` };
}

const texts = async (at: TestBroker) => (await ok(at, "inbox", { all: true })).messages.map((one) => one.text);

describe.each(["post", "admin"] as const)("a person at a machine whose token may %s", (scope) => {
  test("is operator@<device>: gets mail that nobody else's inbox shows, and reads nobody else's", async () => {
    const [mine, other] = [await machine(scope), await machine(scope)];
    const sent = await ok(broker, "send_message", { to: mine.address, text: `for ${mine.address}` }, ann);
    expect(sent.recipients).toMatchObject([{ name: mine.address, state: "queued" }]);
    await ok(broker, "send_message", { to: "operator", text: `for the operator, ${mine.address}` }, ann);
    expect(await texts(mine.at)).toEqual([`for ${mine.address}`]);
    expect(await texts(other.at)).toEqual([]);
    expect(await texts(broker)).not.toContain(`for ${mine.address}`);
    // Nobody else can mark it as read.
    for (const at of [other.at, broker])
      expect(await ok(at, "mark_read", { message_ids: [sent.message_id] })).toMatchObject({ marked: 0 });
    expect(await ok(mine.at, "mark_read", { message_ids: [sent.message_id] })).toMatchObject({ marked: 1 });
  });

  test("sends under its own name, and gets the answer", async () => {
    const mine = await machine(scope);
    const { message_id } = await ok(mine.at, "send_message", { to: "ann", text: `from ${mine.address}` });
    const { messages } = await ok(broker, "check_messages", {}, ann);
    const got = messages.find((one) => one.message_id === message_id);
    expect(got).toMatchObject({ from: mine.device_id, from_name: mine.address });
    expect(got?.from_address).toBeUndefined();
    const to = got?.from_name ?? "";
    await ok(broker, "send_message", { to, text: `yes, ${to}`, reply_to: message_id }, ann);
    expect((await ok(mine.at, "inbox", { reply_to: message_id })).messages).toMatchObject([{ text: `yes, ${to}` }]);
  });

  test("is limited as a session is: the same text twice is not sent again", async () => {
    const mine = await machine(scope);
    await ok(mine.at, "send_message", { to: "ann", text: "twice" });
    expect(await refused(mine.at, "send_message", { to: "ann", text: "twice" })).toMatchObject({ status: 429 });
  });

  test("hears of its own mail only", async () => {
    const mine = await machine(scope);
    const [own, operators] = [await openEvents(mine.at, undefined), await openEvents(broker, undefined)];
    await Promise.all([own.count(1), operators.count(1)]);
    await ok(broker, "send_message", { to: mine.address, text: "psst" }, ann);
    await own.count(2);
    await ok(broker, "send_message", { to: "operator", text: `psst ${mine.address}` }, ann);
    await operators.count(2);
    expect([own.seen().length, operators.seen().length]).toEqual([2, 2]);
  });

  test("loses the mailbox with the token: its stream ends, what waits ends unread, and senders are told", async () => {
    const mine = await machine(scope);
    const stream = await openEvents(mine.at, undefined);
    const zoe = await newPeer(broker, "zoe");
    const sent = await ok(broker, "send_message", { to: mine.address, text: "too late" }, zoe);
    await ok(broker, "revoke_device", { device: mine.device_id });
    expect(await stream.over).toBe("ended");
    expect(await refused(mine.at, "inbox", {})).toMatchObject({ status: 401 });
    const status = await ok(broker, "message_status", { message_id: sent.message_id }, zoe);
    expect(status.recipients).toMatchObject([{ state: "dead", reason: "the recipient was removed" }]);
    expect((await ok(broker, "check_messages", {}, zoe)).messages[0]?.text).toContain(`to ${mine.address} is dead`);
    expect(await refused(broker, "send_message", { to: mine.address, text: "anybody?" }, zoe)).toMatchObject({
      code: "not_found",
    });
    // A machine that gets the name later is somebody else.
    const name = mine.address.slice("operator@".length);
    const { token } = await ok(broker, "add_device", { name, scope });
    await ok(broker, "send_message", { to: mine.address, text: "welcome" }, zoe);
    expect(await texts({ ...broker, token })).toEqual(["welcome"]);
  });
});

test("with a read-only token there is no mailbox, and nobody to write to", async () => {
  const mine = await machine("read");
  expect(await refused(mine.at, "inbox", {})).toMatchObject({ status: 403 });
  expect(await refused(mine.at, "send_message", { to: "ann", text: "x" })).toMatchObject({ status: 403 });
  expect(await refused(broker, "send_message", { to: mine.address, text: "x" }, ann)).toMatchObject({ status: 404 });
  await expect(openEvents(mine.at, undefined)).rejects.toThrow("403");
});

test("a person who may only post sees its own messages, and no others", async () => {
  const mine = await machine("post");
  const { message_id } = await ok(broker, "send_message", { to: "ann", text: "between us" });
  await ok(mine.at, "send_message", { to: "ann", text: "mine" });
  expect((await ok(mine.at, "messages", {})).messages.map((one) => one.text)).toEqual(["mine"]);
  expect(await refused(mine.at, "message_status", { message_id })).toMatchObject({ status: 404 });
  expect(await refused(mine.at, "send_message", { to: "ann", text: "x", reply_to: message_id })).toMatchObject({
    status: 404,
  });
});

test("a person who may only post cannot write to pools, and does not learn of private ones", async () => {
  const mine = await machine("post");
  await ok(broker, "create_pool", { name: "team", purpose: "x" }, ann);
  await ok(broker, "create_pool", { name: "secret-team", purpose: "x", private: true }, ann);
  const zed = await newPeer(broker, "zed");
  await ok(broker, "invite_to_pool", { pool: "team", peer: zed.name }, ann);
  expect(await refused(mine.at, "send_message", { to: "@team", text: "x" })).toMatchObject({ status: 403 });
  expect(await refused(mine.at, "send_message", { to: "@team/zed", text: "x" })).toMatchObject({ status: 403 });
  const hidden = await refused(mine.at, "send_message", { to: "@secret-team", text: "x" });
  const absent = await refused(mine.at, "send_message", { to: "@no-such-team", text: "x" });
  expect(hidden.code).toBe(absent.code);
});

test("a session can hold mail of a person at another machine, and not the operator's", async () => {
  const mine = await machine("post");
  const strict = await newPeer(broker, "strict");
  await ok(broker, "inbound_policy", { policy: "refuse" }, strict);
  const shut_out = await ok(mine.at, "send_message", { to: "strict", text: "x" });
  expect(shut_out.recipients).toMatchObject([{ state: "refused" }]);
  await ok(broker, "inbound_policy", { policy: "accept", from: mine.address }, strict);
  const let_in = await ok(mine.at, "send_message", { to: "strict", text: "please" });
  expect(let_in.recipients).toMatchObject([{ state: "queued" }]);
  const operators = await ok(broker, "send_message", { to: "strict", text: "from the operator" });
  expect(operators.recipients).toMatchObject([{ state: "queued" }]);
});

test("a renamed machine's person has the new address at once, and keeps the mail", async () => {
  const mine = await machine("post");
  await ok(broker, "send_message", { to: mine.address, text: "under the old name" }, ann);
  await ok(broker, "rename_device", { device: mine.device_id, name: `attic-${machines}x` });
  expect(await refused(broker, "send_message", { to: mine.address, text: "gone?" }, ann)).toMatchObject({
    status: 404,
  });
  await ok(broker, "send_message", { to: `operator@attic-${machines}x`, text: "under the new name" }, ann);
  expect(await texts(mine.at)).toEqual(["under the new name", "under the old name"]);
});

test("no session gets a name that reads like a person's", async () => {
  for (const wanted of ["operator", "Operator", "operator@desk", "operator@"]) {
    const { name } = await newPeer(broker, wanted);
    expect(name).not.toBe("operator");
    expect(name).not.toContain("@");
  }
  const refusedName = await refused(broker, "set_summary", { summary: "x", name: "operator@desk" }, ann);
  expect(refusedName.status).toBe(400);
});

test("the person's mail reaches a model marked as a person's, and a session's never", async () => {
  const mine = await machine("post");
  const reader = await newPeer(broker, "reader");
  await ok(mine.at, "send_message", { to: "reader", text: "a person's words" });
  await ok(broker, "send_message", { to: "reader", text: "a session's words" }, ann);
  const { messages } = await until("both are there", () => ok(broker, "check_messages", {}, reader));
  expect(messages.map((one) => one.from_name)).toEqual([mine.address, "ann"]);
});

test("the person at a session's own machine is nobody of another machine, and others are", async () => {
  const [mine, other] = [await machine("post"), await machine("post")];
  const [here, elsewhere] = [await newPeer(mine.at, "here"), await newPeer(broker, "elsewhere")];
  for (const [from, text] of [
    [mine.at, "from here"],
    [other.at, "from another machine"],
    [broker, "from the operator"],
  ] as const)
    await ok(from, "send_message", { to: "here", text });
  await ok(mine.at, "send_message", { to: "elsewhere", text: "from a machine" });
  const marks = async (reader: TestPeer) =>
    (await ok(broker, "check_messages", {}, reader)).messages.map((one) => [one.text, one.other_device ?? false]);
  expect(await marks(here)).toEqual([
    ["from here", false],
    ["from another machine", true],
    ["from the operator", false],
  ]);
  expect(await marks(elsewhere)).toEqual([["from a machine", true]]);
});
