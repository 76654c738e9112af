/**
 * Process reaper: ends what a test run leaves behind when it is interrupted.
 *
 * Every process that a run starts has the run's folder in its environment (TMPDIR, HOME or CCT_TEST_RUN) or, where a
 * program overwrites its environment as PostgreSQL does, in its command line. The runner holds our standard input open. When that closes, the runner has ended, however it did: we kill every
 * process of the run and remove the folder. A worker has a folder of its own in the run's, named by its process id;
 * when a worker is gone while the run goes on, the same happens to what it has started.
 *
 * We are started in a session of our own, without the run's folder in our environment, so that neither Ctrl-C nor another
 * reaper ends us. What we had to kill is reported on standard output, one process a line.
 */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isAlive, processesOf } from "./processes.mjs";

const LOOK_EVERY_MS = 250;
/** What ends by itself when its parent does gets so long for it. */
const GRACE_MS = 300;
/** A process may start another one just while it is killed. */
const ROUNDS = 50;
const BETWEEN_ROUNDS_MS = 20;

const run = process.argv[2];
if (!run) throw new Error("usage: reaper.mjs <folder of the run>");

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});
// Nobody reads it any more, and the work still has to be done.
process.stdout.on("error", () => {});

const timer = setInterval(() => {
  for (const name of entries(run)) if (/^\d+$/.test(name) && !isAlive(Number(name))) reap(join(run, name));
}, LOOK_EVERY_MS);

process.stdin.resume();
process.stdin.on("error", () => {});
process.stdin.on("close", () => {
  clearInterval(timer);
  reap(run);
});

/** Kills all processes that belong to `folder`, and removes it. */
function reap(folder) {
  sleep(GRACE_MS);
  const reported = new Set();
  for (let round = 0; round < ROUNDS; round++) {
    const found = processesOf(folder);
    if (found.length === 0) break;
    for (const { pid, command } of found) {
      if (!reported.has(pid)) process.stdout.write(`${pid} ${command.slice(0, 200)}\n`);
      reported.add(pid);
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has just ended.
      }
    }
    sleep(BETWEEN_ROUNDS_MS);
  }
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  } catch (error) {
    process.stdout.write(`${folder} could not be removed: ${error.message}\n`);
  }
}

const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

function entries(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
