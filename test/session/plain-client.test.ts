/** Any MCP client, here the official one, without hooks: `cct mcp --host other` is all that it needs. */
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { atEnd } from "../support/cleanup.ts";
import { root } from "../support/folders.ts";
import { newPeer, stayAlive } from "../support/peers.ts";
import { until } from "../support/wait.ts";

/** Calls a tool and returns what a model would read. */
type Tool = (name: string, input?: Record<string, unknown>) => Promise<string>;

async function startClient(home: string, name: string): Promise<{ client: Client; tool: Tool }> {
  const client = new Client({ name: "some-client", version: "1" });
  // A parent of its own: its process is the session.
  const args = ["-c", '"$@"; exit $?', "client", process.execPath, join(root, "dist/bin.js"), "mcp", "--host", "other"];
  const env = { PATH: process.env.PATH ?? "", HOME: home, CCT_HOME: home, CCT_NAME: name };
  await client.connect(new StdioClientTransport({ command: "bash", args, env, cwd: root }));
  atEnd(() => client.close());
  async function tool(called: string, input: Record<string, unknown> = {}): Promise<string> {
    const { content, isError } = await client.callTool({ name: called, arguments: input });
    const text = (content as { text: string }[]).map((part) => part.text).join("\n");
    if (isError) throw new Error(text);
    return text;
  }
  return { client, tool };
}

test("it sends, gets its mail when its model asks, and its senders know that from the first second", async () => {
  const broker = await startBroker();
  const ann = await newPeer(broker, "ann");
  stayAlive(broker, ann);
  const { client, tool } = await startClient(broker.home, "plain");
  // Nothing else tells it what CCT is.
  expect(client.getInstructions()).toContain("CCT connects this session");
  await until("it is a peer", async () =>
    (await ok(broker, "list_peers", {})).peers.some(({ name }) => name === "plain"),
  );
  const asks = "other: takes mail when it asks";
  const send = async (text: string) => (await ok(broker, "send_message", { to: "plain", text }, ann)).recipients;
  expect(await send("which port?")).toMatchObject([{ state: "queued", note: asks }]);
  expect(await tool("cct_list_peers")).toMatch(/^you: plain \([0-9a-f]{4}\) · other, \w+, takes mail when it asks · /m);

  // Its model asks.
  const shown = await until("the mail is there", async () => {
    const text = await tool("cct_check_messages");
    return text.includes("which port?") ? text : undefined;
  });
  expect(shown).toMatch(/^CCT mail · ann@elsewhere /m);
  expect(await tool("cct_check_messages")).toBe("No message waits.");

  // It answers, and what it writes arrives.
  expect(await tool("cct_send_message", { to: "ann", reply_to: "last", text: "port 8080" })).toMatch(
    /^queued for ann@elsewhere: /,
  );
  await until("ann has the answer", async () => {
    const { messages } = await ok(broker, "messages", { with: "ann" });
    return messages.some(({ text }) => text === "port 8080");
  });
  await until("the question counts as read", async () => {
    const { messages } = await ok(broker, "messages", { with: "ann" });
    const question = messages.find(({ text }) => text === "which port?");
    return question?.recipients.every(({ name, state }) => name === "plain" && state === "read");
  });
  expect(await send("thank you")).toMatchObject([{ note: asks }]);
  // That mail waits for it needs nobody.
  expect((await ok(broker, "attention", {})).needs).toEqual([]);
});
