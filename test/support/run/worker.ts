/**
 * Setup of each test file: what the file makes lies in the worker's folder of the run and ends with the file, and what it
 * starts can be found by the reaper, whatever environment it is started with.
 */
import childProcess from "node:child_process";
import { chmodSync, mkdirSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { afterAll, afterEach } from "vitest";
import { cleanUp } from "../cleanup.ts";
import { processesOf } from "./processes.mjs";

const { CCT_TEST_RUN } = process.env;
if (!CCT_TEST_RUN) throw new Error("CCT_TEST_RUN is missing: tests run by vitest with this package's vitest.config.ts");
const folder = join(CCT_TEST_RUN, String(process.pid));

if (process.env.TMPDIR !== folder) {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
  process.env.TMPDIR = folder;
  markChildren({ CCT_TEST_RUN, TMPDIR: folder });
}

/** What has been told to end, and what ends with its parent, gets so long: only what stays exceeds it, also on a loaded machine. */
const END_MS = 60_000;

afterEach(({ task }) => cleanUp(task));

afterAll(async () => {
  await cleanUp();
  const deadline = performance.now() + END_MS;
  for (let left = leftBehind(); left.length > 0; left = leftBehind()) {
    if (performance.now() > deadline) {
      // The next file shall not be blamed for them.
      for (const { pid } of left) end(pid);
      const names = left.map(({ pid, command }) => `${pid} ${command}`);
      throw new Error(`This file leaves processes behind: ${names.join("; ")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** esbuild's own service stays for the next build. */
const leftBehind = () => processesOf(folder).filter(({ command }) => !command.includes("/esbuild --service"));

/** Adds `marks` to the environment of every process that is started from now on with an environment of its own. */
function markChildren(marks: Record<string, string>): void {
  // A seam: all of these take their options as the one argument that is a plain object.
  const starters = childProcess as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of ["spawn", "spawnSync", "execFile", "execFileSync", "exec", "execSync", "fork"]) {
    const start = starters[name];
    if (!start) continue;
    const marked = (...args: unknown[]): unknown =>
      start(...args.map((arg) => (hasEnvironment(arg) ? { ...arg, env: { ...marks, ...arg.env } } : arg)));
    // What `promisify` looks for comes along.
    starters[name] = Object.defineProperties(marked, Object.getOwnPropertyDescriptors(start));
  }
  syncBuiltinESMExports();
}

function hasEnvironment(arg: unknown): arg is { env: Record<string, string> } {
  return typeof arg === "object" && arg !== null && "env" in arg && arg.env !== undefined;
}
