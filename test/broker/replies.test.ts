import { beforeAll, describe, expect, test } from "vitest";
import { shortMessageId } from "../../src/rules/address.ts";
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";

let broker: TestBroker;
let ann: TestPeer;
let bob: TestPeer;
let carl: TestPeer;

beforeAll(async () => {
  broker = await startBroker();
  [ann, bob, carl] = [await newPeer(broker, "ann"), await newPeer(broker, "bob"), await newPeer(broker, "carl")];
  await ok(broker, "create_pool", { name: "team", purpose: "tests" }, ann);
  for (const peer of ["bob", "carl"]) await ok(broker, "invite_to_pool", { pool: "team", peer }, ann);
});

const send = async (from: TestPeer, to: string, text: string): Promise<string> =>
  (await ok(broker, "send_message", { to, text }, from)).message_id;
const newest = async () => (await ok(broker, "messages", { limit: 1 })).messages[0];

describe("a reply to 'last'", () => {
  test("belongs to the newest message that the sender was given by that peer, or in that pool", async () => {
    const first = await send(ann, "bob", "one");
    const inPool = await send(ann, "@team", "to all");
    const direct = await send(ann, "bob", "two");
    await send(carl, "bob", "from somebody else");
    await ok(broker, "check_messages", { limit: 100 }, bob);
    // Nobody has seen this one yet.
    await send(ann, "bob", "three");
    await ok(broker, "send_message", { to: "ann", text: "yes", reply_to: "last" }, bob);
    expect(await newest()).toMatchObject({ text: "yes", reply_to: direct });
    await ok(broker, "send_message", { to: "@team", text: "all right", reply_to: "last" }, bob);
    expect(await newest()).toMatchObject({ text: "all right", reply_to: inPool });
    expect(direct).not.toBe(first);
  });

  test("is refused where nothing came from there, and without an address", async () => {
    const answer = { text: "to what?", reply_to: "last" };
    expect(await refused(broker, "send_message", { ...answer, to: "bob" }, ann)).toMatchObject({ code: "not_found" });
    expect(await refused(broker, "send_message", answer, bob)).toMatchObject({
      code: "bad_request",
      message: expect.stringContaining("to is missing"),
    });
  });
});

describe("without an address a message", () => {
  test("goes to the sender of the one that it replies to", async () => {
    const asked = await send(ann, "@team", "who is there?");
    for (const reply_to of [asked, shortMessageId(asked)]) {
      const { recipients } = await ok(broker, "send_message", { text: `I, says ${reply_to}`, reply_to }, carl);
      expect(recipients.map((one) => one.name)).toEqual(["ann"]);
      expect(await newest()).toMatchObject({ to: "ann", reply_to: asked });
    }
    const message_id = "reply-without-to";
    const twice = [1, 2].map(() => ok(broker, "send_message", { text: "once", reply_to: asked, message_id }, carl));
    expect(await twice[0]).toEqual(await twice[1]);
  });

  test("is refused if it replies to nothing, to CCT itself, to oneself, or to what is not one's own", async () => {
    expect(await refused(broker, "send_message", { text: "x" }, ann)).toMatchObject({
      code: "bad_request",
      message: expect.stringContaining("to is missing"),
    });
    const { messages } = await ok(broker, "messages", { limit: 100 });
    const report = messages.find((one) => one.from === "cct" && one.to.includes("bob"))?.message_id;
    expect(await refused(broker, "send_message", { text: "x", reply_to: report }, bob)).toMatchObject({
      message: "CCT itself sent that message.",
    });
    const mine = await send(ann, "bob", "mine");
    expect(await refused(broker, "send_message", { text: "x", reply_to: mine }, ann)).toMatchObject({
      message: expect.stringContaining("this session itself"),
    });
    expect(await refused(broker, "send_message", { text: "x", reply_to: mine }, carl)).toMatchObject({
      code: "not_found",
      message: expect.not.stringContaining("ann"),
    });
  });
});
