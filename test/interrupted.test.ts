/** An interrupted test run leaves no process and no folder behind, whatever it has started. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive } from "../src/platform/process.ts";
import { atEnd } from "./support/cleanup.ts";
import { root, tempFolder } from "./support/folders.ts";
import { until } from "./support/wait.ts";

const SUPPORT = join(root, "test/support");

/** Starts what tests start, reports it, and waits. The sleeper has nothing of the run in the environment that it asks for. */
const HANGING_TEST = `
import { spawn } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { tempHome } from "${SUPPORT}/folders.ts";
import { startHost } from "${SUPPORT}/host.ts";

test("hangs", { timeout: 600_000 }, async () => {
  const home = tempHome();
  const host = await startHost(home, "ann");
  await host.ready();
  const broker = JSON.parse(readFileSync(join(home, "broker.json"), "utf8")).pid;
  const sleeper = spawn("sleep", ["600"], { detached: true, stdio: "ignore", env: { PATH: process.env.PATH } });
  const started = [host.pid, host.serverPid(), broker, sleeper.pid];
  writeFileSync("new", JSON.stringify({ worker: process.pid, started }));
  renameSync("new", "started.json");
  await new Promise(() => {});
});
`;

interface SmallRun {
  vitest: ChildProcess;
  pid: number;
  /** Its folder. */
  folder: string;
  worker: number;
  started: number[];
}

/** A run of vitest whose one test hangs, in a process group of its own, as a terminal gives a command. */
async function startSmallRun(): Promise<SmallRun> {
  const place = tempFolder();
  writeFileSync(join(place, "hanging.test.ts"), HANGING_TEST);
  const settings = { globalSetup: [`${SUPPORT}/built.ts`], setupFiles: [`${SUPPORT}/run/worker.ts`], isolate: false };
  writeFileSync(join(place, "vitest.config.mjs"), `export default { test: ${JSON.stringify(settings)} };\n`);
  const vitest = spawn(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run"], {
    cwd: place,
    env: { ...process.env, CCT_TEST_RUN: undefined, TMPDIR: place },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [vitest.stdout, vitest.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  const pid = vitest.pid ?? 0;
  atEnd(() => {
    if (isAlive(pid)) process.kill(-pid, "SIGKILL");
  });
  const report = join(place, "started.json");
  await until("the test hangs", () => {
    if (vitest.exitCode !== null) throw new Error(`the run has ended: ${said}`);
    return existsSync(report);
  });
  const folder = readdirSync(place).find((name) => name.startsWith("cct-run-"));
  if (!folder) throw new Error("the run has no folder");
  return { vitest, pid, folder: join(place, folder), ...JSON.parse(readFileSync(report, "utf8")) };
}

const gone = (pids: number[]) => until(`${pids} have ended`, () => !pids.some(isAlive));

test.each<[string, (small: SmallRun) => void]>([
  ["Ctrl-C", ({ pid }) => process.kill(-pid, "SIGINT")],
  ["kill -9 of the runner", ({ pid }) => process.kill(pid, "SIGKILL")],
  ["kill -9 of all that the terminal knows of", ({ pid }) => process.kill(-pid, "SIGKILL")],
])("after %s nothing of a run is left", async (_, interrupt) => {
  const small = await startSmallRun();
  interrupt(small);
  await gone([small.pid, small.worker, ...small.started]);
  await until("the run's folder is gone", () => !existsSync(small.folder));
});

test("a worker that is killed takes along what it has started, and the run says that it failed", async () => {
  const small = await startSmallRun();
  const folder = join(small.folder, String(small.worker));
  expect(existsSync(folder)).toBe(true);
  const ended = new Promise((resolve) => small.vitest.once("exit", resolve));
  process.kill(small.worker, "SIGKILL");
  await gone(small.started);
  await until("the worker's folder is gone", () => !existsSync(folder));
  expect(await ended).toBe(1);
  await until("the run's folder is gone", () => !existsSync(small.folder));
});
