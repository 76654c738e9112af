/**
 * `cct service run`: runs a command while its service is registered. The command does not depend on the broker: it keeps
 * running during an outage, and the service is registered again afterwards.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { Client } from "../../client/client.ts";
import { probeAndRenew } from "../../client/services.ts";
import type { Credentials } from "../../operations/core/identity.ts";
import type { InputOf, OutputOf } from "../../operations/index.ts";
import { CctError, errorLine, systemCode } from "../../platform/errors.ts";
import type { Context } from "../parts/context.ts";

type Registration = InputOf<"register_service"> & { service_id: string; ttl_seconds: number };

/** Probe interval until the first healthy answer; most services start within seconds. */
const FIRST_PAUSE_MS = 500;
/** Retry interval while the broker is away or refuses, unless the TTL requires a shorter one. */
const AWAY_PAUSE_MS = 5_000;
/** Limit for the probe in progress and the unregistration at the end; after that the service goes stale by itself. */
const LEAVE_MS = 4_000;

/** Registers, runs the command, unregisters. Returns the exit code, or 128 + n for signal n, as shells do. */
export async function runWithService(
  { screen, stdinIsTerminal, onSignal }: Context,
  client: Client,
  as: Credentials | undefined,
  registration: Registration,
  [program = "", ...args]: string[],
): Promise<number> {
  let asked: NodeJS.Signals | undefined;
  let child: ChildProcess | undefined;
  // Installed before registering, so that an early signal still unregisters.
  const removeHandler = onSignal(["SIGINT", "SIGTERM", "SIGHUP"], (signal) => {
    asked = signal;
    // On a terminal Ctrl-C reaches the command anyway, and many programs treat a second one as "quit now".
    if (signal !== "SIGINT" || !stdinIsTerminal) child?.kill(signal);
  });
  await client.call("register_service", registration, as);
  const warn = (problem: string): void =>
    screen.stderr.writeNow(`cct: ${problem} The command keeps running; registration is retried.\n`);
  const keeping = keepRegistered(client, as, registration, warn);
  try {
    if (asked) return codeOf(asked);
    child = spawn(program, args, { stdio: "inherit" });
    return await ended(child, program);
  } finally {
    await keeping.close();
    // Removed only now, so that a second Ctrl-C does not leave the service registered.
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

const codeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

/** Probes and renews at a third of the TTL; registers again when the broker has forgotten the service. */
function keepRegistered(
  client: Client,
  as: Credentials | undefined,
  registration: Registration,
  warn: (problem: string) => void,
): { close(): Promise<void> } {
  const { service_id, url, health_path } = registration;
  const longest = (registration.ttl_seconds * 1000) / 3;
  let closed = false;
  /** Reported once per outage. */
  let problem = "";
  let wake: () => void = () => {};

  /** Returns the service's health; `undefined` when the broker could not be reached or refused. */
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
      if (line !== problem && !closed) warn(line);
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
      // After the renewal in progress, which could register the service again.
      const leaving = running
        .then(() => client.call("unregister_service", { service: service_id }, as))
        .catch(() => {});
      await Promise.race([patience, leaving]);
      clearTimeout(timer);
    },
  };
}
