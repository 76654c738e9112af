/**
 * What every session pays for its session server: time until it answers the host's first request (floor: node that does
 * nothing), and memory of its own after registration and one `tools/list` (floor: node that does nothing and stays).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { environment, output, pause, start } from "./process.mjs";
import { startBroker, startSession } from "./product.mjs";
import { median } from "./stats.mjs";

const STARTS = 15;
const MEMORY_SAMPLES = 5;
/** As many sessions as one person may have open. */
const AT_ONCE = 20;
/** What a start leaves behind is collected by then. */
const SETTLE_MS = 1_500;

export async function server() {
  const broker = await startBroker();
  const ready = [];
  const bare = [];
  for (let i = 0; i <= STARTS; i++) {
    const begin = performance.now();
    output(process.execPath, ["-e", "0"], { env: environment() });
    const floor = performance.now() - begin;
    // Straight under this process, which stands for the host: nothing but the server itself is timed.
    const session = await startSession(broker, "server", { wrap: false });
    await session.end();
    // The first start fills the disk's cache.
    if (i === 0) continue;
    bare.push(floor);
    ready.push(session.readyMs);
  }
  const figures = [
    {
      name: "session server: start → ready",
      value: median(ready),
      unit: "ms",
      floor: median(bare),
      floorName: "node -e 0",
      goal: { limit: 2.5, of: "ratio" },
    },
    process.platform === "linux"
      ? [await memory(broker), await memoryAtOnce(broker)]
      : { name: "session server: private memory", notMeasured: "needs /proc/<pid>/smaps_rollup" },
  ];
  await broker.end();
  return figures.flat();
}

async function memory(broker) {
  const real = [];
  const bare = [];
  for (let i = 0; i < MEMORY_SAMPLES; i++) {
    const idle = start(process.execPath, ["-e", "setInterval(() => {}, 1e9)"]);
    const session = await startSession(broker, "server", { wrap: false });
    await session.request("tools/list", {});
    await pause(SETTLE_MS);
    real.push(privateMemory(session.pid));
    bare.push(privateMemory(idle.pid));
    await session.end();
    await idle.end();
  }
  return {
    name: "session server: private memory after tools/list",
    value: median(real),
    unit: "MiB",
    floor: median(bare),
    floorName: "idle node",
    goal: { limit: 11, of: "value" },
  };
}

/** Of many that run side by side, each with a host of its own. */
async function memoryAtOnce(broker) {
  const sessions = [];
  for (let i = 0; i < AT_ONCE; i++) sessions.push(await startSession(broker, "server"));
  for (const session of sessions) await session.request("tools/list", {});
  await pause(SETTLE_MS);
  const pids = sessions.map(({ spool }) => Number(readFileSync(join(spool, "server"), "utf8").split(" ")[0]));
  const value = pids.reduce((sum, pid) => sum + privateMemory(pid), 0);
  for (const session of sessions) await session.end();
  const name = `session servers, ${AT_ONCE} at once: private memory`;
  return { name, value, unit: "MiB", goal: { limit: 220, of: "value" } };
}

/** MiB that would be free again without this process. */
export function privateMemory(pid) {
  let kib = 0;
  for (const line of readFileSync(`/proc/${pid}/smaps_rollup`, "utf8").split("\n")) {
    const match = /^Private_(?:Clean|Dirty):\s+(\d+) kB$/.exec(line);
    if (match) kib += Number(match[1]);
  }
  return kib / 1024;
}
