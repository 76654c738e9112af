/**
 * Hook latency with a broker 200 ms away (each way), beside a local broker. It must not differ, since hooks only read
 * files. Measured without mail, the cost of every tool call.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { atEnd } from "./cleanup.mjs";
import { hookCommand, hookEnvironment, runHook, startBroker, startSession, tempFolder } from "./product.mjs";
import { median } from "./stats.mjs";
import { inTurns } from "./turns.mjs";

const DELAY_MS = 200;
const EVENTS = ["PreToolUse", "PostToolBatch", "UserPromptSubmit", "Stop"];

export async function latency() {
  const broker = await startBroker();
  const session = async (name, delay) => {
    const home = join(tempFolder(), "home");
    mkdirSync(home, { mode: 0o700 });
    writeFileSync(join(home, "token"), broker.token, { mode: 0o600 });
    const env = {
      ...broker.env,
      CCT_HOME: home,
      CCT_BROKER: await slowLink(broker.url, delay),
      CCT_FORWARDED_TO: new URL(broker.url).host,
    };
    const { hostPid } = await startSession({ ...broker, home, env }, name);
    runHook("SessionStart", home, hostPid, { source: "startup" });
    return hookEnvironment(home, hostPid);
  };
  const [near, far] = [await session("near", 0), await session("far", DELAY_MS)];
  const input = join(tempFolder(), "input.json");
  writeFileSync(input, JSON.stringify({ hook_event_name: "PreToolUse", tool_name: "Bash", session_id: "bench" }));
  const commands = EVENTS.flatMap((event) => [
    ["env", ...settings(near), ...hookCommand(event)],
    ["env", ...settings(far), ...hookCommand(event)],
  ]);
  const samples = inTurns(commands, near, input);
  if (!samples) return [{ name: "hooks, broker far away", notMeasured: "needs bash 5 for its clock" }];
  return EVENTS.map((event, i) => ({
    name: `hook ${event}, broker ${DELAY_MS} ms away`,
    value: median(samples[2 * i + 1]),
    unit: "ms",
    floor: median(samples[2 * i]),
    floorName: "the same, broker here",
    goal: { limit: 1.1, of: "ratio" },
  }));
}

const settings = (env) => Object.entries(env).map(([name, value]) => `${name}=${value}`);

/** A TCP proxy that delays all data in both directions. */
function slowLink(url, delay) {
  const { hostname, port } = new URL(url);
  const sockets = new Set();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("data", (data) => setTimeout(() => to.writable && to.write(data), delay));
      from.on("close", () => setTimeout(() => to.destroy(), delay));
    }
  });
  atEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`)),
  );
}
