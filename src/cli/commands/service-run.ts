/**
 * A command that runs with its service registered. Whatever becomes of the broker meanwhile is not the command's
 * business: it goes on, and the service is registered again when the broker is back.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { writeSync } from "node:fs";
import { constants } from "node:os";
import { isatty } from "node:tty";
import type { Client } from "../../client/client.ts";
import { probeAndRenew } from "../../client/services.ts";
import type { Credentials } from "../../operations/core/identity.ts";
import type { InputOf, OutputOf } from "../../operations/index.ts";
import { CctError, errorLine, systemCode } from "../../platform/errors.ts";
import type { Context } from "../parts/context.ts";

type Registration = InputOf<"register_service"> & { service_id: string; ttl_seconds: number };

/** A service that does not answer yet is probed again soon: most are there within seconds. */
const FIRST_PAUSE_MS = 500;
/** A broker that is away, or refuses, is asked again so often, unless the TTL wants it sooner. */
const AWAY_PAUSE_MS = 5_000;
/** At the end nobody waits longer than this, for a probe that is under way and the broker; the service goes stale by itself. */
const LEAVE_MS = 4_000;

/** Registers, runs the command to its end, unregisters. Answers with the exit code, 128 + n for signal n, as shells do. */
export async function runWithService(
  client: Client,
  as: Credentials | undefined,
  registration: Registration,
  [program = "", ...args]: string[],
  onSignal: Context["onSignal"],
): Promise<number> {
  let asked: NodeJS.Signals | undefined;
  let child: ChildProcess | undefined;
  // Before the service is registered, so that it is unregistered however early the signal comes.
  const removeHandler = onSignal(["SIGINT", "SIGTERM", "SIGHUP"], (signal) => {
    asked = signal;
    // Ctrl-C on a terminal reaches the command by itself, and many take a second one for "at once".
    if (signal !== "SIGINT" || !isatty(0)) child?.kill(signal);
  });
  await client.call("register_service", registration, as);
  const keeping = keep(client, as, registration);
  try {
    if (asked) return codeOf(asked);
    child = spawn(program, args, { stdio: "inherit" });
    return await ended(child, program);
  } finally {
    await keeping.close();
    // Only now: a second Ctrl-C shall not leave the service behind.
    removeHandler();
  }
}

function ended(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) =>
      reject(
        new CctError(
          "not_found",
          `'${program}' could not be started (${systemCode(error) ?? errorLine(error)}).`,
          "Check the command after --.",
        ),
      ),
    );
    child.once("exit", (code, signal) => resolve(signal ? codeOf(signal) : (code ?? 1)));
  });
}

/** Past node's streams, which would switch the pipe that the command writes to as well to non-blocking. */
function tell(trouble: string): void {
  try {
    writeSync(2, `cct: ${trouble} The command runs on, and its service is tried again.\n`);
  } catch {
    // Nobody reads it: no reason to end the command.
  }
}

const codeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

/** Probes and renews at a third of the TTL, and registers again what the broker does not know any more. */
function keep(client: Client, as: Credentials | undefined, registration: Registration): { close(): Promise<void> } {
  const { service_id, url, health_path } = registration;
  const longest = (registration.ttl_seconds * 1000) / 3;
  let closed = false;
  /** Reported once per outage. */
  let problem = "";
  let wake: () => void = () => {};

  /** Answers what is known now; `undefined` when it could not be told to the broker. */
  async function once(): Promise<OutputOf<"renew_service">["health"] | undefined> {
    try {
      const { health } = await probeAndRenew(client, { service_id, url, health_path }, as).catch((error: unknown) => {
        if (!(error instanceof CctError) || error.code !== "not_found" || closed) throw error;
        return client.call("register_service", registration, as);
      });
      problem = "";
      return health;
    } catch (error) {
      const line = errorLine(error);
      if (line !== problem && !closed) tell(line);
      problem = line;
      return undefined;
    }
  }

  async function run(): Promise<void> {
    for (let pause = FIRST_PAUSE_MS; !closed; ) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pause);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (closed) return;
      const health = await once();
      pause = Math.min(longest, health === "healthy" ? longest : health ? pause * 2 : AWAY_PAUSE_MS);
    }
  }

  const running = run();
  return {
    async close() {
      closed = true;
      wake();
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, LEAVE_MS);
      });
      // After a renewal that is under way: it could register the service anew.
      const leaving = running
        .then(() => client.call("unregister_service", { service: service_id }, as))
        .catch(() => {});
      await Promise.race([patience, leaving]);
      clearTimeout(timer);
    },
  };
}
