/** Access to brokers: a client for the duration of a command, and stopping the broker of this home. */
import type { Client } from "../../client/client.ts";
import { localClient } from "../../client/local.ts";
import type { Config } from "../../platform/config.ts";
import { CctError, systemCode } from "../../platform/errors.ts";
import { readBrokerFile } from "../../platform/home.ts";
import { isAlive, stillRuns, terminate } from "../../platform/process.ts";
import type { World } from "../../platform/world.ts";

/** Runs `work` with a client of the configured brokers, or of this home's broker; closes the client afterwards. */
export async function withClient<T>(world: World, config: Config, work: (client: Client) => Promise<T>): Promise<T> {
  const client = localClient(config, world);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

const STOP_MS = 10_000;

/**
 * Stops the broker of this home and waits until it has ended; returns its process id, or `undefined` if none ran. Throws
 * `conflict` for a remote broker, `forbidden` for another user's, `unavailable` if it does not end within 10 s.
 */
export async function stopBroker(world: World, config: Config): Promise<number | undefined> {
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
  const { pid } = note;
  try {
    terminate(pid);
  } catch (error) {
    // It ended by itself meanwhile.
    if (systemCode(error) === "ESRCH") return pid;
    throw new CctError(
      "forbidden",
      `The broker, process ${pid}, cannot be signalled (${systemCode(error)}).`,
      "Stop it as the user who started it.",
    );
  }
  for (const deadline = world.now() + STOP_MS; isAlive(pid); ) {
    if (world.now() > deadline)
      throw new CctError(
        "unavailable",
        `The broker, process ${pid}, has not ended within ${STOP_MS / 1000} s.`,
        "See its log in the home.",
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return pid;
}
