/** A session that sets its summary, and with it perhaps its name. */
import { beforeAll, describe, expect, test } from "vitest";
import { ok, refused } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { newPeer } from "../support/peers.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startBroker();
});

async function seen(peerId: string) {
  const { peers } = await ok(broker, "list_peers", { all: true });
  const found = peers.find((peer) => peer.peer_id === peerId);
  if (!found) throw new Error(`peer ${peerId} is not listed`);
  return found;
}

describe("a session that sets its summary", () => {
  test("is shown with it, on one line", async () => {
    const peer = await newPeer(broker, "summed");
    const changed = await ok(broker, "set_summary", { summary: "fixes\nthe  build\u200b" }, peer);
    expect(changed).toMatchObject({ name: "summed", summary: "fixes the build", you: true });
    expect((await seen(peer.peer_id)).summary).toBe("fixes the build");
  });

  test("can change its name, and is reached by the new one", async () => {
    const peer = await newPeer(broker, "before");
    expect(await ok(broker, "set_summary", { summary: "x", name: "After" }, peer)).toMatchObject({ name: "After" });
    const sent = await ok(broker, "send_message", { to: "after", text: "found you" });
    expect(sent.recipients[0]?.peer_id).toBe(peer.peer_id);
    expect(await refused(broker, "send_message", { to: "before", text: "gone" })).toMatchObject({ status: 404 });
  });

  test("can change the case of its own name", async () => {
    const peer = await newPeer(broker, "cased");
    expect(await ok(broker, "set_summary", { summary: "", name: "CASED" }, peer)).toMatchObject({ name: "CASED" });
  });

  test("does not get another peer's name", async () => {
    await newPeer(broker, "owner");
    const peer = await newPeer(broker, "envious");
    const error = await refused(broker, "set_summary", { summary: "mine", name: "OWNER" }, peer);
    expect(error).toMatchObject({ status: 409, code: "conflict" });
    expect(await seen(peer.peer_id)).toMatchObject({ name: "envious", summary: "" });
  });

  test.each(["operator", "two words", "@pool", "a/b", "-"])("does not get the name %j", async (name) => {
    const peer = await newPeer(broker, "sober");
    expect(await refused(broker, "set_summary", { summary: "x", name }, peer)).toMatchObject({ status: 400 });
  });

  test("cannot put hidden characters into it", async () => {
    const peer = await newPeer(broker, "plain");
    for (const summary of ["\u001b[31mred", "nul\0", "half \ud800"]) {
      expect(await refused(broker, "set_summary", { summary }, peer)).toMatchObject({ status: 400 });
    }
    expect((await seen(peer.peer_id)).summary).toBe("");
  });
});
