import { beforeAll, describe, expect, test } from "vitest";
import { shortMessageId } from "../../src/rules/address.ts";
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";

let broker: TestBroker;
let ann: TestPeer;
let bob: TestPeer;
let carl: TestPeer;
/** UUIDs of one millisecond, so that only their last digits differ. */
const uuid = (tail: string): string => `01a21529-b89e-7ea7-8b80-7a21${tail}`;
const [FIRST, SECOND, THIRD] = [uuid("4ad570c5"), uuid("4ad570d6"), uuid("99d570c5")];

beforeAll(async () => {
  broker = await startBroker();
  [ann, bob, carl] = [await newPeer(broker, "ann"), await newPeer(broker, "bob"), await newPeer(broker, "carl")];
  for (const message_id of [FIRST, SECOND, THIRD])
    await ok(broker, "send_message", { to: "bob", text: `text ${message_id}`, message_id }, ann);
});

const status = (message_id: string, as?: TestPeer) => ok(broker, "message_status", { message_id }, as);

describe("a message is found by its short id", () => {
  test("as it is shown, in any case, or by six characters of it", async () => {
    for (const ref of [shortMessageId(FIRST), "4AD570C5", "4ad570c", "99d570"]) {
      const expected = ref.startsWith("99") ? THIRD : FIRST;
      for (const who of [ann, bob, undefined]) expect((await status(ref, who)).message_id).toBe(expected);
    }
  });

  test("and two that it fits are both named", async () => {
    const error = await refused(broker, "message_status", { message_id: "4ad570" }, bob);
    expect(error.code).toBe("ambiguous");
    for (const id of [FIRST, SECOND]) expect(error.message).toContain(id);
    expect(error.message).not.toContain(THIRD);
    // Also by their first digits, which are the time.
    expect(await refused(broker, "message_status", { message_id: "01a215" }, ann)).toMatchObject({ code: "ambiguous" });
  });

  test("only by those who sent or got it", async () => {
    expect(await refused(broker, "message_status", { message_id: "99d570c5" }, carl)).toMatchObject({
      code: "not_found",
    });
    const reply = { to: "ann", text: "a guess", reply_to: "99d570c5" };
    expect(await refused(broker, "send_message", reply, carl)).toMatchObject({ code: "not_found" });
  });

  test("in a reply, which then belongs to it and its thread", async () => {
    const reply = { to: "ann", text: "yes", reply_to: shortMessageId(SECOND) };
    const { message_id } = await ok(broker, "send_message", reply, bob);
    const { messages } = await ok(broker, "messages", { limit: 1 }, ann);
    expect(messages[0]).toMatchObject({ message_id, reply_to: SECOND, thread_id: SECOND });
  });

  test("an id that a client made is found by its beginning", async () => {
    await ok(broker, "send_message", { to: "bob", text: "mine", message_id: "Report_of-Monday" }, ann);
    expect((await status("Report", bob)).message_id).toBe("Report_of-Monday");
    expect(shortMessageId("Report_of-Monday")).toBe("Report_of-Monday");
  });
});

describe("of messages with the same short id, the one is meant that the caller was shown", () => {
  const like = (start: string): string => `${start}-b89e-7ea7-8b80-7a2155d570c5`;

  test("in the inbox", async () => {
    const [mine, other] = [like("01a21530"), like("01a21531")];
    await ok(broker, "send_message", { to: "operator", text: "which port?", message_id: mine }, ann);
    await ok(broker, "send_message", { to: "bob", text: "for bob", message_id: other }, ann);
    const { messages } = await ok(broker, "inbox", { message_id: shortMessageId(mine) });
    expect(messages.map(({ message_id }) => message_id)).toEqual([mine]);
  });

  test("among held mail", async () => {
    const [held, other] = [like("01a21532").replace("55d", "66d"), like("01a21533").replace("55d", "66d")];
    await ok(broker, "inbound_policy", { peer: "carl", policy: "hold" });
    await ok(broker, "send_message", { to: "carl", text: "to be held", message_id: held }, ann);
    await ok(broker, "send_message", { to: "bob", text: "not held", message_id: other }, ann);
    expect(await ok(broker, "unhold_message", { message_id: shortMessageId(held) })).toEqual({ released: 1 });
  });
});

test("a short id to send again means a message that ended unread, and nothing that was read meanwhile", async () => {
  const like = (start: string): string => `${start}-b89e-7ea7-8b80-7a2177d570c5`;
  const [failed, other] = [like("01a21534"), like("01a21535")];
  const away = await newPeer(broker, "away");
  await ok(broker, "inbound_policy", { policy: "refuse" }, away);
  await ok(broker, "send_message", { to: "away", text: "refused", message_id: failed }, ann);
  await ok(broker, "send_message", { to: "bob", text: "fine", message_id: other }, ann);
  await ok(broker, "inbound_policy", { policy: "accept" }, away);
  expect(await ok(broker, "resend_message", { message_id: "77d570c5" })).toMatchObject({ message_id: failed });
  const again = await refused(broker, "resend_message", { message_id: other });
  expect(again).toMatchObject({ code: "conflict", hint: "See: cct message 77d570c5" });
});

test("what is addressed to all can reply to no last message, and a policy for mail from the operator is refused", async () => {
  const last = { to: "@all", text: "x", reply_to: "last" };
  expect(await refused(broker, "send_message", last)).toMatchObject({ code: "bad_request" });
  const policy = { peer: "carl", policy: "refuse", from: "operator" };
  expect(await refused(broker, "inbound_policy", policy)).toMatchObject({ code: "bad_request" });
});
