import { beforeAll, describe, expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { openEvents } from "../support/events.ts";
import { newPeer } from "../support/peers.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

describe("a peer with an event stream", () => {
  test("gets a hint at once, so that it catches up", async () => {
    const events = await openEvents(broker, await newPeer(broker, "early"));
    expect(await events.count(1)).toEqual(["mail"]);
  });

  test("gets a hint when there is mail, and finds it", async () => {
    const peer = await newPeer(broker, "listener");
    const events = await openEvents(broker, peer);
    await events.count(1);
    await ok(broker, "send_message", { to: "listener", text: "hello" });
    expect(new Set(await events.count(2))).toEqual(new Set(["mail"]));
    expect((await ok(broker, "check_messages", {}, peer)).messages).toHaveLength(1);
  });

  test("gets hints on each of its streams", async () => {
    const peer = await newPeer(broker, "double");
    const streams = [await openEvents(broker, peer), await openEvents(broker, peer)];
    for (const events of streams) await events.count(1);
    await ok(broker, "send_message", { to: "double", text: "hello" });
    for (const events of streams) await events.count(2);
  });

  test("gets no hint for others' mail, or for a refused or repeated send", async () => {
    const [peer, other] = [await newPeer(broker, "quiet"), await newPeer(broker, "loud")];
    const events = await openEvents(broker, peer);
    const heard = await openEvents(broker, other);
    await Promise.all([events.count(1), heard.count(1)]);
    const input = { to: "quiet", text: "once", message_id: "only-once" };
    await ok(broker, "send_message", input);
    await events.count(2);
    // A broker on PostgreSQL looks every few seconds for whom mail waits, and gives them a hint again.
    expect((await ok(broker, "check_messages", {}, peer)).messages).toHaveLength(1);
    const { length: before } = events.seen();
    await ok(broker, "send_message", input);
    await ok(broker, "send_message", { to: "loud", text: "for the other" });
    // The other's hint came last: any hint for the first would have arrived before.
    await heard.count(2);
    expect(events.seen()).toHaveLength(before);
  });

  test("gets a hint when its name changes", async () => {
    const peer = await newPeer(broker, "renamed");
    const events = await openEvents(broker, peer);
    await events.count(1);
    await ok(broker, "set_summary", { summary: "x", name: "renamed-again" }, peer);
    expect(await events.count(2)).toEqual(["mail", "peer"]);
  });

  test("can disconnect without losing mail", async () => {
    const peer = await newPeer(broker, "leaver");
    const events = await openEvents(broker, peer);
    await events.count(1);
    events.close();
    await ok(broker, "send_message", { to: "leaver", text: "kept" });
    const again = await openEvents(broker, peer);
    await again.count(1);
    expect((await ok(broker, "check_messages", {}, peer)).messages.map((one) => one.text)).toEqual(["kept"]);
  });
});

test("hints contain nothing of the mail", async () => {
  const { get } = await import("node:http");
  const { goodHeaders } = await import("../support/api.ts");
  const peer = await newPeer(broker, "hinted");
  const text = await new Promise<string>((resolve, reject) => {
    const request = get(new URL("/events", broker.url), { headers: goodHeaders(broker, { as: peer }) }, (response) => {
      let seen = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        seen += chunk;
        if (seen.split("event: mail").length < 3) return;
        resolve(seen);
        request.destroy();
      });
      response.on("error", () => {});
      void ok(broker, "send_message", { to: "hinted", text: "confidential words" }).catch(reject);
    });
    request.on("error", reject);
  });
  expect(text).not.toContain("confidential");
});
