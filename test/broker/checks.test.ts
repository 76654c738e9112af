/** Checking for messages: what a tool gets. */
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer, type TestPeer } from "../support/peers.ts";

let broker: TestBroker;
let taker: TestPeer;
beforeAll(async () => {
  broker = await startBroker();
});
beforeEach(async () => {
  taker = await newPeer(broker, "taker");
});

const mail = (text: string) => ok(broker, "send_message", { to: taker.peer_id, text });

describe("checking for messages", () => {
  test("returns them oldest first, as many as requested", async () => {
    for (const text of ["one", "two", "three"]) await mail(text);
    const first = await ok(broker, "check_messages", { limit: 2 }, taker);
    expect(first.messages.map((one) => one.text)).toEqual(["one", "two"]);
    expect(first.remaining).toBe(1);
    const rest = await ok(broker, "check_messages", {}, taker);
    expect(rest).toMatchObject({ messages: [{ text: "three", attempt: 1 }], remaining: 0 });
  });

  test("returns none if none wait", async () => {
    expect(await ok(broker, "check_messages", {}, taker)).toEqual({ messages: [], remaining: 0 });
  });

  test("returns long ones a few at a time, and loses none", async () => {
    for (let i = 0; i < 4; i++) await mail(`${i}${"z".repeat(30_000)}`);
    const texts: string[] = [];
    for (let remaining = 4; remaining > 0; ) {
      const checked = await ok(broker, "check_messages", {}, taker);
      expect(checked.messages.length).toBeGreaterThan(0);
      expect(checked.remaining).toBe(remaining - checked.messages.length);
      texts.push(...checked.messages.map((one) => one.text[0] ?? ""));
      remaining = checked.remaining;
    }
    expect(texts).toEqual(["0", "1", "2", "3"]);
  });

  test.each([0, 101, 1.5, "5"])("with the limit %j is refused, and takes none", async (limit) => {
    await mail("still there");
    expect(await refused(broker, "check_messages", { limit }, taker)).toMatchObject({ status: 400 });
    expect((await ok(broker, "check_messages", {}, taker)).messages).toHaveLength(1);
  });
});
