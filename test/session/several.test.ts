/** One text to several recipients, and to all. */
import { beforeAll, expect, test } from "vitest";
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { newPeer, stayAlive, type TestPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";

let broker: TestBroker;
let ann: TestHost;
let [ben, carl, dora]: TestPeer[] = [];

beforeAll(async () => {
  broker = await startBroker();
  ann = await startHost(broker.home, "ann");
  await ann.ready();
  [ben, carl, dora] = [await newPeer(broker, "ben"), await newPeer(broker, "carl"), await newPeer(broker, "dora")];
  // On a slow machine this file takes longer than a session may be silent.
  stayAlive(broker, ben, carl);
});

/** The texts that a peer has got, oldest first. It has read them: otherwise they would come again after their lease. */
async function gotBy(peer: TestPeer | undefined): Promise<string[]> {
  const { messages } = await ok(broker, "check_messages", { limit: 100 }, peer);
  const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" as const }));
  if (acks.length > 0) await ok(broker, "ack_messages", { acks }, peer);
  return messages.map((one) => one.text);
}

test("each gets a message of its own, and the answer has a line for each", async () => {
  for (const [i, to] of ["ben, carl", ["ben", "carl"], '["ben","carl"]'].entries()) {
    const answer = await ann.tool("cct_send_message", { to, text: `text ${i}` });
    const lines = ["ben", "carl"].map((name) =>
      expect.stringMatching(new RegExp(`^queued for ${name}@.+ · [0-9a-f]{8}$`)),
    );
    expect(answer.text.split("\n")).toEqual(lines);
    const ids = (answer.structured.each as { message_id: string }[]).map((one) => one.message_id);
    expect(new Set(ids).size).toBe(2);
  }
  for (const peer of [ben, carl]) expect(await gotBy(peer)).toEqual(["text 0", "text 1", "text 2"]);
});

test("whom it could not be sent to is said first, with the reason; the others have it", async () => {
  const answer = await ann.tool("cct_send_message", { to: "ben, nobody, carl", text: "partly" });
  expect(answer.isError).toBe(false);
  expect(answer.text.split("\n")).toEqual([
    expect.stringMatching(/^NOT sent to nobody: There is no peer 'nobody'.*cct_list_peers/),
    expect.stringMatching(/^queued for ben/),
    expect.stringMatching(/^queued for carl/),
  ]);
  for (const peer of [ben, carl]) expect(await gotBy(peer)).toEqual(["partly"]);
  const none = await ann.tool("cct_send_message", { to: "nobody, @nowhere", text: "to none" });
  expect(none).toMatchObject({
    isError: true,
    text: expect.stringMatching(/^Nothing was sent\. To nobody: .*To @nowhere: /),
  });
});

test("the same message_id twice sends nothing twice", async () => {
  const input = { to: "ben, carl", text: "once", message_id: "message-to-two" };
  const [first, second] = [await ann.tool("cct_send_message", input), await ann.tool("cct_send_message", input)];
  expect(second.structured).toEqual(first.structured);
  for (const peer of [ben, carl]) expect(await gotBy(peer)).toEqual(["once"]);
});

test("a broker that is away is waited for once, not for each", async () => {
  const other = await startBroker();
  const eve = await startHost(other.home, "eve");
  await eve.ready();
  await other.stop();
  const answer = await eve.tool("cct_send_message", { to: "a, b, c, d, e, f", text: "x" });
  expect(answer.isError).toBe(true);
  expect(answer.text.match(/not tried/g)).toHaveLength(5);
});

test("@all reaches all sessions that are there from the operator, the members of its pools from a lead, and is refused to others", async () => {
  expect(await refused(broker, "send_message", { to: "@all", text: "x" }, ben)).toMatchObject({ code: "forbidden" });
  await ok(broker, "unregister", { host_pid: dora?.place.host_pid ?? 0 }, dora);
  const { recipients } = await ok(broker, "send_message", { to: "@all", text: "to all" });
  expect(recipients.map((one) => one.name).sort()).toEqual(["ann", "ben", "carl"]);
  await ok(broker, "create_pool", { name: "one", purpose: "tests" }, ben);
  expect(await refused(broker, "send_message", { to: "@all", text: "x" }, ben)).toMatchObject({ code: "conflict" });
  await ok(broker, "invite_to_pool", { pool: "one", peer: "carl" }, ben);
  const led = await ok(broker, "send_message", { to: "@ALL", text: "to mine" }, ben);
  expect(led.recipients.map((one) => one.name)).toEqual(["carl"]);
  expect(await refused(broker, "create_pool", { name: "All", purpose: "x" }, ben)).toMatchObject({ status: 400 });
  await until("carl has both", async () => (await gotBy(carl)).some((text) => text === "to mine"));
});
