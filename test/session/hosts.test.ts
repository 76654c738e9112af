/** A session of a program that CCT knows nothing of but its name: `cct mcp --host NAME`. */
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { startHost } from "../support/host.ts";

test("any program that speaks MCP is a peer by its name; its model gets mail when it asks for it", async () => {
  const broker = await startBroker();
  const ann = await startHost(broker.home, "ann", { agent: "sample" });
  await ann.ready();
  // Without hooks, the server itself gives the instructions.
  expect(ann.initialized.instructions).toContain("CCT connects this session");
  const { peers } = await ok(broker, "list_peers", {});
  expect(peers).toMatchObject([{ name: "ann", agent: "sample", midturn: false, wakes: false }]);

  await ok(broker, "send_message", { to: "ann", text: "for a sample" });
  await ann.mail();
  expect((await ann.tool("cct_check_messages")).text).toContain("for a sample");
});

test("an install that names no agent is Claude Code's, which listings leave out", async () => {
  const broker = await startBroker();
  const ann = await startHost(broker.home, "ann");
  await ann.ready();
  const { peers } = await ok(broker, "list_peers", {});
  expect(peers.map(({ name, agent, midturn }) => [name, agent, midturn])).toEqual([["ann", undefined, undefined]]);
});
