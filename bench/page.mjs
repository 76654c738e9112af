/**
 * What the page costs its browser while 200 sessions say 50 messages a second, beside the same page while nothing is said: how
 * long a frame takes, the main thread's time, and the memory of its scripts.
 */
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { atEnd } from "./cleanup.mjs";
import { call, client } from "./http.mjs";
import { pause, startHelper } from "./process.mjs";
import { headers, startBroker } from "./product.mjs";
import { quantile } from "./stats.mjs";

const SESSIONS = 200;
const PER_SECOND = 50;
const ROUNDS = Number(process.env.CCT_BENCH_ROUNDS ?? 3);
const MEASURE_MS = 4_000;
/** What a view does when it is opened, and when talk begins or ends, is over then. */
const SETTLE_MS = 1_500;
/** More than the page keeps. */
const FILL = 2_500;
const FLOOD = 10_000;
const VIEWS = { Now: "/now", Talk: "/talk", Map: "/map", Time: "/time" };

const FRAMES = `new Promise((done) => {
  const gaps = [];
  const end = performance.now() + ${MEASURE_MS};
  let last;
  requestAnimationFrame(function step(at) {
    if (last !== undefined) gaps.push(at - last);
    last = at;
    if (at < end) requestAnimationFrame(step);
    else done(gaps);
  });
})`;

export async function page() {
  const executablePath = process.env.CCT_TEST_CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(executablePath)) return [{ name: "the page", notMeasured: "needs Chromium" }];
  const broker = await startBroker();
  const { url, token } = broker;
  const helper = await startHelper("helpers/crowd.mjs", { broker: { url, token }, count: SESSIONS });
  const ask = async (what) => {
    helper.child.stdin.write(`${JSON.stringify(what)}\n`);
    return JSON.parse(await new Promise((resolve) => helper.lines.once("line", resolve)));
  };
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  atEnd(() => browser.close());
  const tab = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  const { code } = await call(client(1), broker, "open_page", {}, headers(broker));
  await tab.goto(`${url}/open#${code}`);
  await tab.locator(".peer").first().waitFor();
  const devtools = await tab.context().newCDPSession(tab);
  const empty = await memoryOf(devtools);

  const figures = [];
  const seen = Object.fromEntries(Object.keys(VIEWS).map((name) => [name, { idle: [], busy: [] }]));
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, path] of Object.entries(VIEWS)) {
      await tab.goto(`${url}${path}`);
      await tab.locator("main h1").first().waitFor();
      for (const what of round % 2 === 0 ? ["idle", "busy"] : ["busy", "idle"]) {
        await ask({ talk: what === "busy" ? PER_SECOND : 0 });
        await pause(SETTLE_MS);
        seen[name][what].push(await measured(tab, devtools));
      }
      await ask({ talk: 0 });
    }
  for (const [name, { idle, busy }] of Object.entries(seen)) {
    const frame = (all) =>
      quantile(
        all.flatMap(({ gaps }) => gaps),
        0.95,
      );
    const work = (all) => all.reduce((sum, one) => sum + one.work, 0) / all.length;
    const about = `page, ${name}, ${PER_SECOND} messages/s`;
    const goal = { limit: 1.5, of: "ratio" };
    figures.push({
      name: `${about}: a frame, p95`,
      value: frame(busy),
      unit: "ms",
      floor: frame(idle),
      floorName: "idle",
      goal,
    });
    figures.push({ name: "… its main thread", value: work(busy), unit: "ms/s", floor: work(idle), floorName: "idle" });
  }

  await tab.goto(`${url}/now`);
  await tab.locator(".peer").first().waitFor();
  const flood = async (count, text) => {
    await ask({ flood: count, text });
    await tab.locator(".feed-row", { hasText: text }).waitFor({ timeout: 120_000 });
    return memoryOf(devtools);
  };
  const filled = await flood(FILL, "the page has all that it keeps");
  const after = await flood(FLOOD, "all was said");
  const about = `page, Now, after ${FILL} messages`;
  figures.push({ name: `${about}: heap`, value: filled.heap, unit: "MiB", floor: empty.heap, floorName: "no message" });
  figures.push({
    name: `… and ${FLOOD} more: heap`,
    value: after.heap,
    unit: "MiB",
    floor: filled.heap,
    floorName: "before",
    goal: { limit: 1.1, of: "ratio" },
  });
  figures.push({ name: "… nodes of the document", value: after.nodes, unit: "", goal: { limit: 5_000, of: "value" } });
  await browser.close();
  await helper.end();
  await broker.end();
  return figures;
}

/** Frames for a while, and what the main thread worked in each second of it. */
async function measured(tab, devtools) {
  const before = await metrics(devtools);
  const gaps = await tab.evaluate(FRAMES);
  const after = await metrics(devtools);
  return { gaps, work: (1000 * (after.TaskDuration - before.TaskDuration)) / (after.Timestamp - before.Timestamp) };
}

async function metrics(devtools) {
  await devtools.send("Performance.enable");
  const { metrics: all } = await devtools.send("Performance.getMetrics");
  return Object.fromEntries(all.map(({ name, value }) => [name, value]));
}

/** What is left after the garbage was collected. */
async function memoryOf(devtools) {
  for (let i = 0; i < 2; i++) await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  return { heap: usedSize / 2 ** 20, nodes: (await metrics(devtools)).Nodes };
}
