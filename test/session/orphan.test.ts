/** A session server that finds its host gone. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { call, ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { root, tempHome } from "../support/folders.ts";
import { notRun } from "../support/not-run.ts";
import { startProxy } from "../support/proxy.ts";
import { end, nameOf, peersOf, records, start } from "./conversations.ts";

const ORPHAN = "a session server whose host ended before it began ends at once, though its input stays open";
test.skipIf(process.platform !== "linux" && notRun(ORPHAN, "only Linux tells the session of a process"))(
  ORPHAN,
  async () => {
    const broker = await startBroker();
    const program = [process.execPath, join(root, "dist/bin.js"), "mcp"];
    const server = 'while kill -0 $$ 2>/dev/null; do sleep 0.02; done; echo alone; exec "$@"';
    const host = spawn("bash", ["-c", `{ ${server}; } <&0 & exit 0`, "host", ...program], {
      env: { PATH: process.env.PATH, HOME: join(broker.home, ".."), CCT_HOME: broker.home, CCT_NAME: "orphan" },
      stdio: "pipe",
      detached: true,
    });
    let output = "";
    host.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    const closed = new Promise((resolve) => host.stdout.once("close", resolve));
    host.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })}\n`);
    await closed;
    expect(output).toBe("alone\n");
    expect((await ok(broker, "list_peers", { all: true })).peers).toEqual([]);
    host.stdin.destroy();
  },
);

test("a heartbeat that a killed host's session server still sends does not keep the peer from the session that resumes it", async () => {
  const broker = await startBroker();
  const link = await startProxy(broker.url);
  const home = tempHome();
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, "token"), broker.token, { mode: 0o600 });
  // Nothing but its conversation says who it is.
  const env = { CCT_BROKER: link.url, CCT_NAME: "", ...link.env };
  await end({ ...broker, home }, await start(home, "ann", "c-ann", { env }));
  const [ann] = [...records(home).values()];
  if (!ann) throw new Error("it left no record");

  // Between two requests of the new session there is time for many of the old one.
  link.delay(50);
  const before = link.heard().length;
  const registrations = (): number => link.heard().slice(before).split("POST /api/register").length - 1;
  let isThere = false;
  const old = (async () => {
    while (!isThere && registrations() < 2) await call(broker, "heartbeat", { host_pid: ann.host_pid, held: [] }, ann);
  })();
  const again = await start(home, "ann", "c-ann", { env });
  isThere = true;
  await old;
  // It was refused, and asked again.
  expect(registrations()).toBeGreaterThan(1);
  expect(nameOf(home, again)).toBe(ann.name);
  expect(await peersOf(broker)).toEqual([{ name: ann.name, presence: "idle" }]);
});
