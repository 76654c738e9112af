/**
 * A thousand sessions at one broker: what they cost while nothing happens, how long it takes until all are in one pool, and
 * how long a message to that pool takes to reach the last of them. The sessions are peers without session servers, in a
 * process of their own (`helpers/crowd.mjs`).
 */
import { readFileSync } from "node:fs";
import { call, client } from "./http.mjs";
import { pause, startHelper } from "./process.mjs";
import { headers, startBroker } from "./product.mjs";
import { privateMemory } from "./server.mjs";
import { median, quantile } from "./stats.mjs";

const SESSIONS = Number(process.env.CCT_BENCH_SESSIONS ?? 1_000);
const IDLE_MS = 60_000;
const SENDS = 50;
/** Ticks of the processor's accounting in a second. */
const TICKS = 100;

/** Processor time of a process so far, in milliseconds. */
export function processorTime(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
}

export async function crowd() {
  if (process.platform !== "linux") return [{ name: "a crowd of sessions", notMeasured: "needs /proc/<pid>/stat" }];
  const broker = await startBroker();
  const helper = await startHelper("helpers/crowd.mjs", {
    broker: { url: broker.url, token: broker.token },
    count: SESSIONS,
  });
  const ask = async (what) => {
    helper.child.stdin.write(`${JSON.stringify(what)}\n`);
    return JSON.parse(await new Promise((resolve) => helper.lines.once("line", resolve)));
  };
  // Until each was told that it may report less often.
  await pause(35_000);
  const figures = [];
  const idle = async (name) => {
    const before = processorTime(broker.pid);
    const done = await ask({ count: true });
    const begin = performance.now();
    await pause(IDLE_MS);
    const seconds = (performance.now() - begin) / 1000;
    const value = (processorTime(broker.pid) - before) / seconds;
    const { beats, connections } = await ask({ count: true });
    figures.push({ name, value, unit: "ms/s", goal: { limit: 25, of: "value" } });
    const perMinute = (all) => (all * 60) / seconds / SESSIONS;
    figures.push({ name: "… heartbeats, each session", value: perMinute(beats - done.beats), unit: "/min" });
    figures.push({
      name: "… connections opened, each session",
      value: perMinute(connections - done.connections),
      unit: "/min",
    });
  };
  await idle(`broker's processor time, ${SESSIONS} idle sessions`);
  const http = client(1);
  const admin = headers(broker);
  await call(http, broker, "create_pool", { name: "crowd", purpose: "everybody" }, admin);
  const before = processorTime(broker.pid);
  const { ms } = await ask({ join: "crowd" });
  figures.push({
    name: `${SESSIONS} sessions join one pool`,
    value: ms / 1000,
    unit: "s",
    goal: { limit: 5, of: "value" },
  });
  figures.push({
    name: "… the broker's processor time",
    value: (processorTime(broker.pid) - before) / 1000,
    unit: "s",
  });
  const { messages } = await call(http, broker, "messages", { limit: 500 }, admin);
  figures.push({
    name: "… deliveries of the newest 500 messages",
    value: messages.reduce((sum, one) => sum + one.recipients.length, 0),
    unit: "",
  });
  await idle(`broker's processor time, ${SESSIONS} idle sessions in one pool`);
  const times = [];
  const working = processorTime(broker.pid);
  for (let i = 0; i < SENDS; i++) {
    times.push((await ask({ broadcast: "crowd", text: `hello ${i}` })).ms);
    if (i === 0)
      figures.push({
        name: `message to ${SESSIONS}: the first`,
        value: times[0],
        unit: "ms",
        goal: { limit: 200, of: "value" },
      });
    await pause(100);
  }
  const each = (processorTime(broker.pid) - working) / SENDS;
  figures.push({ name: `message to ${SESSIONS}: the broker's processor time`, value: each, unit: "ms" });
  figures.push({ name: `message to ${SESSIONS}, p50`, value: median(times), unit: "ms" });
  figures.push({
    name: `message to ${SESSIONS}, p99`,
    value: quantile(times, 0.99),
    unit: "ms",
    goal: { limit: 150, of: "value" },
  });
  figures.push({
    name: "broker's private memory after that",
    value: privateMemory(broker.pid),
    unit: "MiB",
    goal: { limit: 120, of: "value" },
  });
  await helper.end();
  await broker.end();
  return figures;
}
