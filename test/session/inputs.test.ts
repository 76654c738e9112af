/** What models and hosts really write when they call a tool. */
import { beforeAll, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { startHost, type TestHost } from "../support/host.ts";
import { newPeer, stayAlive, type TestPeer } from "../support/peers.ts";

let broker: TestBroker;
let ann: TestHost;
let ben: TestPeer;

beforeAll(async () => {
  broker = await startBroker();
  ann = await startHost(broker.home, "ann");
  await ann.ready();
  ben = await newPeer(broker, "ben");
  stayAlive(broker, ben);
});

const newest = async () => (await ok(broker, "messages", { peer: "ben", limit: 1 })).messages[0];

test("arguments that are missing, null, empty or JSON text are taken for what they mean", async () => {
  for (const more of [
    {},
    { arguments: null },
    { arguments: {} },
    { arguments: "" },
    { arguments: '{"scope":"all"}' },
  ]) {
    const { result, error } = await ann.request("tools/call", { name: "cct_list_peers", ...more });
    expect(error).toBeUndefined();
    expect(result).not.toHaveProperty("isError");
    expect(JSON.stringify(result)).toContain("ben");
  }
});

test("numbers and booleans as text, null and empty text for nothing: the message is the same", async () => {
  const spellings = [
    { expires_in_seconds: 60, urgency: "low" },
    { expires_in_seconds: "60", urgency: "LOW", allow_secrets: "false", reply_to: null, thread_id: "" },
    { expires_in_seconds: " 60.0", urgency: " low ", allow_secrets: null, message_id: "" },
  ];
  for (const [i, spelling] of spellings.entries()) {
    const answer = await ann.tool("cct_send_message", { to: "ben", text: `spelling ${i}`, ...spelling });
    expect(answer).toMatchObject({ isError: false });
    expect(await newest()).toMatchObject({ text: `spelling ${i}`, urgency: "low" });
  }
  expect(await ann.tool("cct_set_busy", { reason: "tests", estimate_seconds: "120" })).toMatchObject({
    isError: false,
  });
  expect(await ann.tool("cct_set_ready", { reason: "done" })).toMatchObject({ isError: false });
});

test("a field that the tool does not have is ignored, and named once", async () => {
  const answer = await ann.tool("cct_send_message", { to: "ben", text: "hello", summary: "a greeting" });
  expect(answer.isError).toBe(false);
  expect(answer.text.match(/summary/g)).toHaveLength(1);
  expect((await newest())?.text).toBe("hello");
  const missing = await ann.tool("cct_send_message", { to: "ben", message: "hello" });
  expect(missing.isError).toBe(true);
  // A model is not to fill in what the definition leaves out.
  expect(missing.text).toMatch(/text is missing.*It takes: to, text, urgency, reply_to\.\n.*no field message/s);
  const nobody = await ann.tool("cct_send_message", { to: "operator@nowhere", text: "hello" });
  expect(nobody.text).toContain("'operator@' and a device's name");
});

test("what cannot be understood is refused in words, and nothing is sent", async () => {
  const before = await newest();
  const wrong = { to: "ben", text: "later", expires_in_seconds: "an hour" };
  expect(await ann.tool("cct_send_message", wrong)).toMatchObject({
    isError: true,
    text: expect.stringMatching(/expires_in_seconds must be a number/),
  });
  expect(await newest()).toEqual(before);
});

test("@ben is the peer ben where there is no such pool, and the answer says so", async () => {
  const answer = await ann.tool("cct_send_message", { to: "@ben", text: "to one" });
  expect(answer.text).toContain("there is no pool @ben: sent to the peer ben");
  expect(await newest()).toMatchObject({ text: "to one", recipients: [{ peer_id: ben.peer_id }] });
  // With a pool of that name it would mean two things.
  expect(await ann.tool("cct_create_pool", { name: "ben", purpose: "confuses" })).toMatchObject({
    isError: true,
    text: expect.stringMatching(/There is a peer 'ben' .*'@ben' would mean both/),
  });
  expect(await ann.tool("cct_create_pool", { name: "crew", purpose: "works" })).toMatchObject({ isError: false });
  expect(await ann.tool("cct_invite_to_pool", { pool: "@crew", peer: "@ben" })).toMatchObject({ isError: false });
});
