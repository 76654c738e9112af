/** Reading mail again: after a compaction a model has lost it. */
import { beforeAll, expect, test } from "vitest";
import { shortMessageId } from "../../src/rules/address.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
let ann: TestHost;
let [ben, carl]: TestPeer[] = [];

beforeAll(async () => {
  broker = await startBroker();
  ann = await startHost(broker.home, "ann");
  await ann.ready();
  [ben, carl] = [await newPeer(broker, "ben"), await newPeer(broker, "carl")];
});

const deliveryOf = async (message_id: string) => (await ok(broker, "message_status", { message_id })).recipients[0];
const again = (message_id: string, more: object = {}) => ann.tool("cct_check_messages", { message_id, ...more });

/** A message that ann's model has been given, and what became of its delivery. */
async function given(text: string): Promise<string> {
  const { message_id } = await ok(broker, "send_message", { to: "ann", text }, ben);
  await until("it is taken", async () => (await ann.tool("cct_check_messages")).text.includes(text.slice(0, 20)));
  await until("it is settled", async () => (await deliveryOf(message_id))?.delivered_at !== null);
  return message_id;
}

test("a message that was given is read again by its short id, marked, and nothing changes", async () => {
  const message_id = await given("the port is 8080");
  const before = await until("it is read", async () => {
    await ann.hook("PreToolUse", { tool_name: "Bash" });
    const delivery = await deliveryOf(message_id);
    return delivery?.state === "read" && delivery;
  });
  const { text } = await again(shortMessageId(message_id));
  expect(text).toContain("| the port is 8080");
  expect(text).toContain("it may have been shown before");
  expect(await again(message_id)).toMatchObject({ isError: false });
  expect(await deliveryOf(message_id)).toEqual(before);
});

test("a long one comes page by page", async () => {
  const whole = Array.from({ length: 4_000 }, (_, i) => `line ${i}`).join("\n");
  const { message_id } = await ok(broker, "send_message", { to: "ann", text: whole }, ben);
  let pages = 0;
  await until("it is read to its end", async () => {
    const { text } = await ann.tool("cct_check_messages");
    if (text.includes(" of 3 ")) pages++;
    return (await deliveryOf(message_id))?.delivered_at !== null && pages >= 3;
  });
  const texts: string[] = [];
  for (const page of [undefined, 2, 3]) {
    const { text, structured } = await again(message_id, page === undefined ? {} : { page });
    expect(text).toContain(`Page ${page ?? 1} of 3 of message ${shortMessageId(message_id)}`);
    texts.push((structured.messages as { text: string }[])[0]?.text ?? "");
  }
  expect(texts.join("")).toBe(whole);
  expect(await again(message_id, { page: 4 })).toMatchObject({ isError: true });
});

test("what is another's, what waits, and what is held is not shown", async () => {
  const foreign = await ok(broker, "send_message", { to: "carl", text: "for carl alone" }, ben);
  const held = "a held text";
  await ok(broker, "inbound_policy", { policy: "hold", peer: "ann", from: "carl" });
  const kept = await ok(broker, "send_message", { to: "ann", text: held }, carl);
  for (const { message_id } of [foreign, kept]) {
    const answer = await again(message_id);
    expect(answer).toMatchObject({ isError: true, text: expect.stringContaining("There is no message") });
    expect(answer.text).not.toMatch(/for carl alone|a held text/);
  }
  // Not given yet: it lies where the hooks find it.
  const { message_id } = await ok(broker, "send_message", { to: "ann", text: "not yet" }, ben);
  const early = await again(message_id);
  expect(early).toMatchObject({ isError: true, text: expect.stringContaining("not been given that message yet") });
  expect((await deliveryOf(message_id))?.state).toMatch(/queued|claimed/);
});
