/** Stops the broker of this home. */
import type { Config } from "../platform/config.ts";
import { CctError, systemCode } from "../platform/errors.ts";
import { readBrokerFile } from "../platform/home.ts";
import { forceEnd, isAlive, stillRuns, terminate } from "../platform/process.ts";
import type { World } from "../platform/world.ts";

/** How long a broker may take to end by itself, and then to be ended. */
const STOP_MS = 10_000;
const KILL_MS = 5_000;

export interface Stopped {
  pid: number;
  /** It did not end by itself. Nothing is lost: what it accepted is on the disk. */
  forced: boolean;
}

/**
 * Stops the broker of this home and waits until it has ended; returns which, or `undefined` if none ran. One that does
 * not end within 10 s is killed. `only`: this process, if it still is the broker. Throws `conflict` for a remote broker,
 * `forbidden` for another user's.
 */
export async function stopBroker(world: World, config: Config, only?: number): Promise<Stopped | undefined> {
  // A process id from another machine means nothing here.
  if (config.broker !== undefined)
    throw new CctError(
      "conflict",
      `The broker at ${config.broker.join(" or ")} does not belong to this home.`,
      "Stop it on the machine where it runs.",
    );
  // The broker need not answer: one that hangs can be stopped, and so can one of an earlier version.
  const note = readBrokerFile(config.home);
  // The number alone may belong to another process by now.
  if (!note || !stillRuns(note.pid, note.began)) return undefined;
  if (only !== undefined && note.pid !== only) return undefined;
  const { pid } = note;
  try {
    terminate(pid);
  } catch (error) {
    // It ended by itself meanwhile.
    if (systemCode(error) === "ESRCH") return { pid, forced: false };
    throw new CctError(
      "forbidden",
      `The broker, process ${pid}, cannot be signalled (${systemCode(error)}).`,
      "Stop it as the user who started it.",
    );
  }
  if (await hasEnded(world, pid, STOP_MS)) return { pid, forced: false };
  forceEnd(pid);
  if (await hasEnded(world, pid, KILL_MS)) return { pid, forced: true };
  throw new CctError(
    "unavailable",
    `The broker, process ${pid}, cannot be ended.`,
    "It waits for the system, perhaps for a disk that does not answer.",
  );
}

async function hasEnded(world: World, pid: number, ms: number): Promise<boolean> {
  for (const deadline = world.steady() + ms; isAlive(pid); ) {
    if (world.steady() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}
