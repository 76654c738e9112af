/** Session servers of one host process that follow each other, as with hosts that restart their servers. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect, test } from "vitest";
import { readIfThere } from "../../src/platform/files.ts";
import { isAlive } from "../../src/platform/process.ts";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { atEnd } from "../support/cleanup.ts";
import { root, tempFolder } from "../support/folders.ts";
import { until } from "../support/wait.ts";

const server = [process.execPath, join(root, "dist/bin.js"), "mcp"];
/** Starts a server beside others, whose pid then lies in the file of this name. The next one starts once `file` names it. */
const beside = (name: string, file: string): string =>
  `tail -f /dev/null | "$@" >/dev/null & echo $! >"$NOTES/${name}"; ` +
  `until read -r pid _ <"$CCT_HOME/spool/$$/${file}" && [ "$pid" = "$(cat "$NOTES/${name}")" ]; do sleep 0.1; done 2>/dev/null; `;

/** The last server of a host that runs `before` first: the others serve, or wait, already. */
async function lastServer(home: string, before: string) {
  const notes = tempFolder();
  const client = new Client({ name: "test", version: "1" });
  let changes = 0;
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
    changes++;
  });
  const env = { PATH: process.env.PATH ?? "", CCT_HOME: home, CCT_NAME: "heir", HOME: home, NOTES: notes };
  const script = `${before}echo $$ >"$NOTES/host"; "$@"; exit $?`;
  await client.connect(
    new StdioClientTransport({ command: "bash", args: ["-c", script, "host", ...server], env, cwd: root }),
  );
  const pidOf = (name: string): number => Number(readFileSync(join(notes, name), "utf8"));
  atEnd(async () => {
    await client.close();
    // Those that wait would take over once more, and go on for a moment.
    const others = ["first", "second"].map((name) => Number(readIfThere(join(notes, name)) ?? 0));
    await until("the other servers have ended", () => others.every((pid) => pid === 0 || !isAlive(pid)));
  });
  return {
    client,
    changes: () => changes,
    pidOf,
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    holder: () => Number(readIfThere(join(home, "spool", String(pidOf("host")), "server"))?.split(" ")[0]),
    registered: () =>
      until("the session is registered", async () => {
        const { isError } = await client.callTool({ name: "cct_list_peers", arguments: {} });
        return !isError;
      }),
  };
}

test("a server that finds another one serving takes over when that ends, as the same peer, and tells its host", async () => {
  const broker = await startBroker();
  const heir = await lastServer(broker.home, beside("first", "server"));
  expect(heir.client.getServerCapabilities()).toMatchObject({ tools: { listChanged: true } });
  expect(await heir.tools()).toEqual([]);
  const asked = await heir.client.callTool({ name: "cct_list_peers", arguments: {} });
  expect(asked).toMatchObject({ isError: true });
  const known = await until("the first has registered", async () => (await ok(broker, "list_peers", {})).peers[0]);
  process.kill(heir.pidOf("first"), "SIGKILL");
  await until("the host is told", () => heir.changes() > 0);
  expect(await heir.tools()).toContain("cct_send_message");
  await heir.registered();
  const { peers } = await ok(broker, "list_peers", { all: true });
  expect(peers.map((peer) => peer.peer_id)).toEqual([known.peer_id]);
});

test("of two servers that wait, the one that was started last takes over", async () => {
  const broker = await startBroker();
  const heir = await lastServer(broker.home, beside("first", "server") + beside("second", "next"));
  expect(await heir.tools()).toEqual([]);
  process.kill(heir.pidOf("first"), "SIGTERM");
  await until("the host is told", () => heir.changes() > 0);
  await heir.registered();
  expect([heir.pidOf("first"), heir.pidOf("second")]).not.toContain(heir.holder());
});
