/** What a model reads of sessions of other agents. */
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { startHost } from "../support/host.ts";
import { newPeer, stayAlive } from "../support/peers.ts";

test("its list names the agent of each session but Claude Code's, and what that cannot do with mail now", async () => {
  const broker = await startBroker();
  const web = await startHost(broker.home, "web");
  await web.ready();
  const peers = [
    await newPeer(broker, "api"),
    await newPeer(broker, "cody", { agent: "codex" }),
    await newPeer(broker, "gem", { agent: "gemini", wakes: false }),
    await newPeer(broker, "cop", { agent: "copilot", midturn: false }),
    await newPeer(broker, "plain", { agent: "other", wakes: false, midturn: false }),
  ];
  stayAlive(broker, ...peers);
  const plain = peers.at(-1);
  await ok(broker, "heartbeat", { host_pid: plain?.place.host_pid, hooks: "quiet", held: [] }, plain);
  const states = async () => {
    const { text } = await web.tool("cct_list_peers");
    const line = /^(\w+)@elsewhere \([0-9a-f]{4}\) · (.*?) · .*$/;
    const all = text.split("\n").flatMap((one) => line.exec(one)?.slice(1, 3).join(": ") ?? []);
    return all.sort();
  };
  expect(await states()).toEqual([
    "api: idle",
    "cody: codex, idle",
    "cop: copilot, idle",
    "gem: gemini, idle, cannot be woken",
    "plain: other, idle, takes mail when it asks",
  ]);
  for (const peer of peers)
    await ok(broker, "heartbeat", { host_pid: peer.place.host_pid, presence: "active", held: [] }, peer);
  expect(await states()).toEqual([
    "api: active",
    "cody: codex, active",
    "cop: copilot, active, takes mail when its turn ends",
    "gem: gemini, active",
    "plain: other, active, takes mail when it asks",
  ]);
  const { text } = await web.tool("cct_send_message", { to: "gem (gemini), plain", text: "hello" });
  expect(text).toMatch(/gem@elsewhere: working, and gets it at its next tool call/);
  expect(text).toMatch(/plain@elsewhere: other: takes mail when it asks/);
});
