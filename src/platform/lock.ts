/**
 * Lock file: at most one process holds it. It contains the holder's pid and start mark, so a lock that a killed process
 * left behind is recognised as stale at once, even after the pid is reused, and costs nothing while it is held.
 * (Lock libraries such as proper-lockfile prove that the holder lives by touching the file on a timer: a wake-up every few
 * seconds in every session, and a wait of several seconds after a crash. Node has no flock.)
 */
import { linkSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type CctError, systemCode } from "./errors.ts";
import { readTrusted } from "./files.ts";
import { isAlive, startMark, stillRuns } from "./process.ts";
import type { World } from "./world.ts";

type Owner = Pick<World, "pid" | "newId">;

const RETRY_MS = 30;
const MAX_WAIT_MS = 15_000;

/** Takes the lock if it is free or stale. Returns the pid of the process that holds it, or `undefined` when it is ours now. */
export function tryLock(path: string, me: Owner): number | undefined {
  for (;;) {
    if (create(path, me)) return undefined;
    const content = readTrusted(path);
    const holder = livingHolder(content);
    if (holder !== undefined) return holder;
    if (content === undefined) continue;
    const breaking = breakStale(path, me);
    if (breaking !== undefined) return breaking;
  }
}

/** Runs `work` while holding the lock. Waits up to 15 s for another holder, then throws what `busy` makes of its pid. */
export async function withLock<T>(
  path: string,
  world: Owner & Pick<World, "steady">,
  busy: (pid: number) => CctError,
  work: () => T,
): Promise<T> {
  const deadline = world.steady() + MAX_WAIT_MS;
  for (let holder = tryLock(path, world); holder !== undefined; holder = tryLock(path, world)) {
    if (world.steady() > deadline) throw busy(holder);
    await sleep(RETRY_MS);
  }
  try {
    return work();
  } finally {
    rmSync(path, { force: true });
  }
}

/**
 * Removes a stale lock under a second lock. Without it, two processes could both see the stale file, and the slower one
 * would remove the lock that the faster one has just taken. Returns the pid of another process that is doing the same.
 * What remains: a process is killed in here, and two others find its second lock stale at the same moment.
 */
function breakStale(path: string, me: Owner): number | undefined {
  const breaker = `${path}.break`;
  if (!create(breaker, me)) {
    if (isStale(breaker)) rmSync(breaker, { force: true });
    return livingHolder(readTrusted(breaker));
  }
  try {
    if (isStale(path)) rmSync(path, { force: true });
    return undefined;
  } finally {
    rmSync(breaker, { force: true });
  }
}

/** Creates a lock file with its content in one step, so that no reader finds it empty. `false`: it exists. */
function create(path: string, me: Owner): boolean {
  const content = `${me.pid} ${startMark(me.pid)}\n`;
  const draft = join(dirname(path), `.tmp.${me.newId()}`);
  try {
    writeFileSync(draft, content, { flag: "wx", mode: 0o600 });
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    // No hard links on this file system.
    if (["EPERM", "ENOTSUP", "ENOSYS", "EACCES"].includes(systemCode(error) ?? ""))
      return createInTwoSteps(path, content);
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function createInTwoSteps(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** A lock that is gone is not stale: by now another process may have taken it. */
function isStale(path: string): boolean {
  const content = readTrusted(path);
  return content !== undefined && livingHolder(content) === undefined;
}

/** The pid of the process that holds the lock. */
export const holderOf = (path: string): number | undefined => livingHolder(readTrusted(path));

function livingHolder(content: string | undefined): number | undefined {
  const [, digits = "", mark = ""] = /^(\d+)(?: (.*))?\n?$/.exec(content ?? "") ?? [];
  const pid = Number(digits);
  if (pid === 0) return undefined;
  // Some systems do not say when a process began.
  return (mark === "" ? isAlive(pid) : stillRuns(pid, mark)) ? pid : undefined;
}
