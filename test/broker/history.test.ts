import { beforeAll, describe, expect, test } from "vitest";
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { allTexts, newPeer, type TestPeer } from "../support/peers.ts";

let broker: TestBroker;
let a: TestPeer;
let b: TestPeer;
let c: TestPeer;
beforeAll(async () => {
  broker = await startBroker();
  [a, b, c] = [await newPeer(broker, "a"), await newPeer(broker, "b"), await newPeer(broker, "c")];
  for (let i = 0; i < 6; i++) await ok(broker, "send_message", { to: "b", text: `a to b, ${i}` }, a);
  await ok(broker, "send_message", { to: "c", text: "b to c" }, b);
  await ok(broker, "send_message", { to: "a", text: "operator to a" });
});

const texts = async (input: { peer?: string; limit?: number; before?: number }, as?: TestPeer) =>
  (await ok(broker, "messages", input, as)).messages.map((one) => one.text);

describe("the history", () => {
  test("is complete for the operator, newest first, with the state of each delivery", async () => {
    const { messages } = await ok(broker, "messages", {});
    expect(messages.map((one) => one.text)).toEqual([
      "operator to a",
      "b to c",
      ...[5, 4, 3, 2, 1, 0].map((i) => `a to b, ${i}`),
    ]);
    expect(messages[1]).toMatchObject({
      from: b.peer_id,
      from_name: "b",
      to: "c",
      urgency: "normal",
      recipients: [{ peer_id: c.peer_id, name: "c", state: "queued", attempts: 0 }],
    });
  });

  test("of a peer is what it sent and received", async () => {
    expect(await texts({}, c)).toEqual(["b to c"]);
    expect(await texts({}, b)).toHaveLength(7);
    expect(await texts({ peer: "b" })).toHaveLength(7);
    expect(await texts({ peer: c.peer_id.slice(0, 8) })).toEqual(["b to c"]);
  });

  test("of others is not shown to a peer, with any filter", async () => {
    expect(await texts({ peer: "a" }, c).catch(() => [])).not.toContain("a to b, 0");
    expect(await refused(broker, "messages", { peer: "nobody" })).toMatchObject({ status: 404 });
  });

  test("with another peer contains only the messages between the two", async () => {
    // Otherwise, everything would look like messages between the two.
    expect(await texts({ peer: "c" }, b)).toEqual(["b to c"]);
  });

  test("can be paged through without gaps or duplicates", async () => {
    const pages: string[] = [];
    let before: number | undefined;
    for (;;) {
      const { messages } = await ok(broker, "messages", { limit: 3, ...(before === undefined ? {} : { before }) });
      if (messages.length === 0) break;
      expect(messages.length).toBeLessThanOrEqual(3);
      pages.push(...messages.map((one) => one.text));
      before = messages.at(-1)?.seq;
    }
    expect(pages).toEqual((await allTexts(broker)).toReversed());
  });

  test("keeps its pages while new messages arrive", async () => {
    const { messages } = await ok(broker, "messages", { limit: 2 });
    const before = messages.at(-1)?.seq ?? 0;
    const page = await texts({ before, limit: 2 });
    await ok(broker, "send_message", { to: "c", text: "one more" }, a);
    expect(await texts({ before, limit: 2 })).toEqual(page);
  });

  test.each([{ limit: 0 }, { limit: 501 }, { before: 0 }, { before: 1.5 }, { before: "x" }, { peer: "" }])(
    "is refused for %j",
    async (input) => {
      expect(await refused(broker, "messages", input)).toMatchObject({ status: 400 });
    },
  );
});
