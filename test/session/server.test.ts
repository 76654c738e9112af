/** The session server: its tools as the official client sees them, its name, and its start. */
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { expect, test } from "vitest";
import { instructions } from "../../src/rules/texts/instructions.ts";
import { STRUCTURED } from "../../src/rules/toolinput.ts";
import { endBrokerOf, startBroker } from "../support/broker.ts";
import { atEnd } from "../support/cleanup.ts";
import { root, tempFolder, tempHome } from "../support/folders.ts";
import { startHost } from "../support/host.ts";
import { until } from "../support/wait.ts";

const server = [join(root, "dist/bin.js"), "mcp"];

/** Resolves when the session of a client is registered. */
const registered = (client: Client): Promise<unknown> =>
  until("the session is registered", async () => {
    const { isError } = await client.callTool({ name: "cct_list_peers", arguments: {} });
    return !isError;
  });

interface ToolView {
  name: string;
  description: string;
  inputSchema: { properties: object };
  annotations: Record<string, unknown>;
}

test("the official client calls the tools: a line for a model, and the structured answer for who asks for it", async () => {
  const { home } = await startBroker();
  const connect = async (name: string): Promise<Client> => {
    const client = new Client({ name: "test", version: "1" });
    const env = { PATH: process.env.PATH ?? "", CCT_HOME: home, CCT_NAME: name, HOME: home };
    await client.connect(
      new StdioClientTransport({
        command: "bash",
        args: ["-c", '"$@"; exit $?', "host", process.execPath, ...server],
        env,
        cwd: root,
      }),
    );
    atEnd(() => client.close());
    return client;
  };
  const ann = await connect("ann");
  const ben = await connect("ben");
  for (const client of [ann, ben]) await registered(client);
  const { tools } = await ann.listTools();
  expect(tools.map((tool) => tool.name).sort()).toEqual([
    "cct_check_messages",
    "cct_create_pool",
    "cct_invite_to_pool",
    "cct_join_pool",
    "cct_leave_pool",
    "cct_list_peers",
    "cct_list_pools",
    "cct_list_services",
    "cct_message_status",
    "cct_pool_status",
    "cct_propose_release",
    "cct_search",
    "cct_send_message",
    "cct_set_busy",
    "cct_set_ready",
    "cct_set_summary",
    "cct_vote_release",
  ]);
  for (const tool of tools as ToolView[]) {
    expect(tool.description.length).toBeGreaterThan(20);
    expect(Object.keys(tool.annotations).sort()).toEqual([
      "destructiveHint",
      "idempotentHint",
      "openWorldHint",
      "readOnlyHint",
      "title",
    ]);
  }
  expect(ann.getInstructions()?.length).toBeLessThanOrEqual(2000);
  const structured = async (client: Client, name: string, input: object) => {
    const params = { name, arguments: { ...input } };
    const plain = { content: [{ type: "text", text: expect.stringMatching(/./) }] };
    const answer = await client.callTool({ ...params, _meta: { [STRUCTURED]: true } });
    expect(answer).toEqual({ ...plain, structuredContent: expect.any(Object) });
    return answer.structuredContent as Record<string, unknown>;
  };
  await ben.callTool({ name: "cct_set_summary", arguments: { summary: "writes tests" } });
  const peers = await structured(ann, "cct_list_peers", {});
  expect(JSON.stringify(peers)).toContain("writes tests");
  const sent = await structured(ann, "cct_send_message", { to: "ben", text: "hello" });
  const { message_id } = sent as { message_id: string };
  const status = await structured(ann, "cct_message_status", { message_id });
  expect(status).toMatchObject({ message_id, recipients: [{ name: "ben" }] });
  const mail = await structured(ben, "cct_check_messages", {});
  expect(mail).toMatchObject({
    messages: [{ text: "hello", from_name: "ann", redelivered: false }],
    remaining: 0,
  });
  await ann.callTool({ name: "cct_create_pool", arguments: { name: "team", purpose: "tests" } });
  await ann.callTool({ name: "cct_invite_to_pool", arguments: { pool: "team", peer: "ben" } });
  const team = await structured(ben, "cct_pool_status", { pool: "team" });
  expect(team).toMatchObject({ pool: { name: "team", size: 2 }, open_proposals: [] });
  const proposed = await structured(ann, "cct_propose_release", { pool: "team", peer: "ben", reason: "done" });
  const { proposal_id } = proposed as { proposal_id: string };
  const voted = await structured(ben, "cct_vote_release", { proposal_id, vote: "abstain" });
  expect(voted).toMatchObject({ state: "rejected" });
  const busy = await structured(ben, "cct_set_busy", { reason: "tests", estimate_seconds: 60 });
  expect(busy).toMatchObject({ name: "ben", presence: "busy" });
  expect((await ben.callTool({ name: "cct_set_ready", arguments: {} })).isError).toBeFalsy();
});

test("an unknown method before the handshake is rejected at once", async () => {
  const host = await startHost((await startBroker()).home, "ann");
  expect(await host.request("server/discover", { protocolVersion: "2026-07-28" })).toMatchObject({
    error: { code: -32601 },
  });
});

test("wrong use of a tool is an error that says what to do next", async () => {
  const { home } = await startBroker();
  const ann = await startHost(home, "ann");
  await ann.ready();
  const wrong: [string, Record<string, unknown>, RegExp][] = [
    ["cct_send_message", { to: "nobody", text: "x" }, /There is no peer 'nobody'.*No other peer/],
    ["cct_send_message", { to: "@pool", text: "x" }, /no pool '@pool'/],
    ["cct_send_message", { to: "ann", text: "x" }, /this session itself/],
    ["cct_send_message", { to: "nobody" }, /text/],
    ["cct_check_messages", { limit: "many" }, /limit/],
    ["cct_no_such_tool", {}, /no tool 'cct_no_such_tool'/],
  ];
  for (const [tool, input, words] of wrong) {
    const answer = await ann.tool(tool, input);
    expect(answer.isError).toBe(true);
    expect(answer.text).toMatch(words);
  }
});

test("names: the requested one, with a number if it is taken, else the repository's", async () => {
  const { home } = await startBroker();
  await (await startHost(home, "Dev Server")).ready();
  await (await startHost(home, "dev-server")).ready();
  const third = await startHost(home, "", { cwd: root });
  await third.ready();
  const { structured } = await third.tool("cct_list_peers");
  const names = (structured.peers as { name: string; you: boolean; branch: string; summary: string }[]).map(
    (peer) => peer.name,
  );
  expect(names).toContain("dev-server");
  expect(names).toContain("dev-server-2");
});

test("tools report an unusable home", async () => {
  const folder = tempFolder();
  mkdirSync(join(folder, "real"));
  symlinkSync(join(folder, "real"), join(folder, "link"));
  const host = await startHost(join(folder, "link"), "ann");
  expect(String(host.initialized.instructions)).toContain("symbolic link");
  const answer = await host.tool("cct_list_peers");
  expect(answer).toMatchObject({ isError: true });
  expect(answer.text).toContain("symbolic link");
});

test("with two installs in one host, the second server offers no tools and says why", async () => {
  const { home } = await startBroker();
  const host = await startHost(home, "ann");
  await host.ready();
  const second = await startHost(home, "ann");
  expect((await second.request("tools/list")).result).not.toEqual({ tools: [] });
  const client = await secondServer(home, '"$@"; kill $first');
  expect((await client.listTools()).tools).toEqual([]);
  expect(client.getInstructions()).toContain("Another CCT session server");
});

test("a server that its host restarts while the one before it still runs takes over from it", async () => {
  const { home } = await startBroker();
  // As hosts do that end a server and start the next one at the same time.
  const client = await secondServer(home, '(sleep 0.5; kill -9 $first) & "$@"');
  expect((await client.listTools()).tools).not.toEqual([]);
  await registered(client);
});

/** A client of the second of two servers under one parent. `then`: what the shell does once the first, \`$first\`, serves. */
async function secondServer(home: string, then: string): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  const env = { PATH: process.env.PATH ?? "", CCT_HOME: home, CCT_NAME: "twin", HOME: home };
  const first = 'tail -f /dev/null | "$@" >/dev/null & first=$!';
  const script = `${first}; until [ -e "$CCT_HOME/spool/$$/server" ]; do sleep 0.1; done; ${then}`;
  const args = ["-c", script, "host", process.execPath, ...server];
  await client.connect(new StdioClientTransport({ command: "bash", args, env, cwd: root }));
  atEnd(() => client.close());
  return client;
}

test("the start of a session removes spools and pid maps of ended hosts", async () => {
  const { home } = await startBroker();
  const first = await startHost(home, "ann");
  await first.ready();
  await first.end();
  await (await startHost(home, "ben")).ready();
  expect(existsSync(first.spool)).toBe(false);
  expect(existsSync(join(home, "pidmaps", String(first.pid)))).toBe(false);
});

test("the server gives the instructions where no hook does, and asks for polling only if the user turned it on", async () => {
  const { home } = await startBroker();
  const instructionsWith = async (env: Record<string, string>): Promise<unknown> =>
    (await startHost(home, "ann", { env })).initialized.instructions;
  const plain = await instructionsWith({});
  expect(plain).toBe(instructions());
  const polling = /CronCreate: cron "\* \* \* \* \*".*cct_check_messages.*slow down.*resume/;
  for (const word of ["0", "false"]) expect(await instructionsWith({ CCT_POLL: word })).toBe(plain);
  const asked = String(await instructionsWith({ CCT_POLL: "1" }));
  expect(asked.startsWith(`${plain}\n\n`)).toBe(true);
  expect(asked).toMatch(polling);
  // The host cuts them there.
  expect(asked.length).toBeLessThanOrEqual(4096);
  const plugin = { CLAUDE_PLUGIN_ROOT: "/plugins/cct" };
  expect(await instructionsWith(plugin)).toBeUndefined();
  const poll = await instructionsWith({ ...plugin, CCT_POLL: "true" });
  expect(poll).toMatch(polling);
  expect(poll).not.toContain("teammate");
});

test("the pid map has the peer's id and name", async () => {
  const { home } = await startBroker();
  const host = await startHost(home, "ann");
  await host.ready();
  expect(readFileSync(join(home, "pidmaps", String(host.pid)), "utf8")).toMatch(/^[0-9a-f]{32} ann\n$/);
});

test("sessions that start without a broker start one; two at once get the same", async () => {
  const home = tempHome();
  const env = { CCT_PORT: "0" };
  const [ann, ben] = await Promise.all([startHost(home, "ann", { env }), startHost(home, "ben", { env })]);
  endBrokerOf(home);
  await Promise.all([ann.ready(), ben.ready()]);
  expect((await ann.tool("cct_send_message", { to: "ben", text: "hi" })).isError).toBe(false);
  await ben.mail();
});
