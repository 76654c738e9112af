/** What a peer can read of mail that was kept from it: nothing, by no way, at no time. */
import { describe, expect, test } from "vitest";
import { type Clockwork, openClockwork } from "../support/clockwork.ts";
import type { TestPeer } from "../support/peers.ts";
import { rejectedBy } from "../support/thrown.ts";

interface Kept {
  works: Clockwork;
  me: TestPeer;
  other: TestPeer;
  message_id: string;
}

async function kept(): Promise<Kept> {
  const works = await openClockwork();
  const [me, other] = [await works.newPeer("me"), await works.newPeer("other")];
  await works.call("inbound_policy", { peer: "me", from: "other", policy: "hold" });
  const { message_id } = await works.call(
    "send_message",
    { to: "me", text: "a hidden needle", expires_in_seconds: 60 },
    other,
  );
  return { works, me, other, message_id };
}

const ways: [string, (kept: Kept) => Promise<unknown>][] = [
  ["while it is held", async () => {}],
  ["after it expired", ({ works, me, other }) => works.pass(120_000, me, other)],
  [
    "after it was refused",
    ({ works, message_id }) => works.call("decide_held", { message_id, peer: "me", decision: "refuse" }),
  ],
  [
    "after it was released and expired before the peer took it",
    async ({ works, me, other, message_id }) => {
      await works.call("decide_held", { message_id, peer: "me", decision: "accept" });
      await works.pass(120_000, me, other);
    },
  ],
];

describe("the text of mail that was held", () => {
  test.each(ways)("is not shown to its recipient %s", async (_, happens) => {
    const all = await kept();
    const { works, me, other, message_id } = all;
    await happens(all);
    expect((await works.call("search", { query: "needle" }, me)).messages).toEqual([]);
    for (const full of [true, false]) {
      const { messages } = await works.call("messages", { full }, me);
      expect(messages.filter((one) => one.from === other.peer_id)).toMatchObject([{ message_id, text: "" }]);
      expect(JSON.stringify(messages)).not.toContain("needle");
    }
    expect((await works.call("messages", { grep: "hidden" }, me)).messages).toEqual([]);
    expect(await rejectedBy(works.call("reread_message", { message_id }, me))).toMatchObject({ code: "not_found" });
    // Its sender and the operator see it.
    for (const reader of [other, undefined]) {
      const found = (await works.call("search", { query: "needle" }, reader)).messages;
      expect(found.map((one) => one.message_id)).toContain(message_id);
      const { messages } = await works.call("messages", { grep: "hidden" }, reader);
      expect(messages.find((one) => one.message_id === message_id)).toMatchObject({ text: "a hidden needle" });
    }
  });

  test("is shown once it was released and taken", async () => {
    const { works, me, message_id } = await kept();
    await works.call("decide_held", { message_id, peer: "me", decision: "accept" });
    const { messages } = await works.call("check_messages", {}, me);
    expect(messages).toMatchObject([{ text: "a hidden needle" }]);
    expect((await works.call("search", { query: "needle" }, me)).messages).toHaveLength(1);
    expect((await works.call("messages", { grep: "hidden" }, me)).messages).toHaveLength(1);
  });
});

test("a peer finds mail that ended after an attempt reached its host, and can read it again", async () => {
  const works = await openClockwork();
  const [me, other] = [await works.newPeer("me"), await works.newPeer("other")];
  const { message_id } = await works.call(
    "send_message",
    { to: "me", text: "a needle", expires_in_seconds: 60 },
    other,
  );
  const { messages } = await works.call("check_messages", {}, me);
  const acks = messages.map(({ attempt }) => ({ message_id, attempt, outcome: "lost" as const }));
  await works.call("ack_messages", { acks, via: "check", batch: "b" }, me);
  expect((await works.call("search", { query: "needle" }, me)).messages).toEqual([]);
  await works.pass(120_000, me, other);
  expect((await works.call("message_status", { message_id }, me)).recipients).toMatchObject([{ state: "expired" }]);
  expect((await works.call("search", { query: "needle" }, me)).messages).toHaveLength(1);
  expect((await works.call("reread_message", { message_id }, me)).message).toMatchObject({ text: "a needle" });
});
