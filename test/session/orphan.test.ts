/** A session server that finds its host gone. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ok } from "../support/api.ts";
import { startBroker } from "../support/broker.ts";
import { root } from "../support/folders.ts";
import { notRun } from "../support/not-run.ts";

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
