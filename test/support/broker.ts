/**
 * Brokers for tests, each with a home and a port of its own. `startBroker` runs one in the test's own process, which
 * costs a fraction of a new process; with `CCT_TEST_BROKER=process` it starts the built program instead, so that the
 * same tests run against what users have. What is about the process itself (signals, its environment, its disk) asks
 * for one with `spawnBroker`.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type BrokerTiming, startBroker as serveHere } from "../../src/broker/main.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { smoothedClock } from "../../src/platform/world.ts";
import { atEnd } from "./cleanup.ts";
import type { TestClock } from "./clock.ts";
import { databaseEnv } from "./database.ts";
import { root, tempHome } from "./folders.ts";
import { type Exit, letRecord, type Running, run } from "./process.ts";
import { processesOf } from "./run/processes.mjs";
import { until } from "./wait.ts";
import { testWorld } from "./world.ts";

export interface TestBroker {
  home: string;
  url: string;
  /** The process that it runs in: that of the test, unless it was spawned. */
  pid: number;
  token: string;
  /** Ends it in good order. */
  stop(): Promise<unknown>;
}

export interface BrokerProcess extends TestBroker {
  process: Running;
  /** Sends a signal, `SIGTERM` by default, and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
}

export interface BrokerOptions {
  home?: string;
  /** 0, the default: any free one. */
  port?: number;
  env?: Record<string, string>;
  clock?: TestClock;
  /** The boot of the machine; by default the real one. A broker with another one runs in the test's process. */
  bootId?: string;
  /** A broker in a process of its own keeps the program's. */
  timing?: Partial<BrokerTiming>;
}

export interface ProcessOptions extends BrokerOptions {
  /** Wraps the command line, for a broker in surroundings of its own. */
  within?: (command: readonly string[]) => [string, string[]];
}

const IN_PROCESS = process.env.CCT_TEST_BROKER !== "process";
/** Tests wait for what a sweep does. */
const SWEEP_MS = 100;

/** Starts a broker; answers when it serves. Throws what it says when it does not start. */
export async function startBroker(options: BrokerOptions = {}): Promise<TestBroker> {
  if (IN_PROCESS || options.bootId !== undefined) return startHere(options);
  const broker = await spawnBroker(options);
  // In good order, as the other kind: sessions that end later would start a broker in place of a killed one.
  atEnd(() => broker.stop());
  return broker;
}

/** What brokers of tests have unless a test says otherwise. */
const TEST_SETTINGS = {
  // Tests set clocks to let time pass, and their brokers believe them at once.
  CCT_CLOCK_CONFIRM_SECONDS: "0",
  // How many requests a test sends per second depends on the machine.
  CCT_REQUESTS_PER_SECOND: "0",
  CCT_REGISTRATIONS_PER_MINUTE: "0",
};

function environment(home: string, { port, env }: BrokerOptions): Record<string, string> {
  const own = { HOME: dirname(home), CCT_HOME: home, CCT_PORT: String(port ?? 0) };
  return { ...own, ...TEST_SETTINGS, ...databaseEnv(home), ...env };
}

async function startHere(options: BrokerOptions): Promise<TestBroker> {
  const home = options.home ?? tempHome();
  const { clock, bootId } = options;
  const world = testWorld(environment(home, options), {
    ...(clock && { now: smoothedClock(clock.now), steady: clock.steady }),
    ...(bootId !== undefined && { bootId: () => bootId }),
  });
  const broker = await serveHere(world, loadConfig(world), { sweepMs: SWEEP_MS, ...options.timing });
  atEnd(broker.close);
  const token = readFileSync(join(home, "token"), "utf8").trim();
  return { home, url: broker.url, pid: world.pid, token, stop: broker.close };
}

/** Starts the program as a user would, without waiting for anything. */
export function launch(options: ProcessOptions = {}): Running & { home: string } {
  const home = options.home ?? tempHome();
  const command = [process.execPath, join(root, "dist/bin.js"), "start", "--foreground"];
  const [program = "", args] = options.within?.(command) ?? [command[0], command.slice(1)];
  const env = { ...environment(home, options), ...options.clock?.env };
  return { ...run(program, args, { env }), home };
}

/** Starts a broker in a process of its own; answers when it serves. */
export async function spawnBroker(options: ProcessOptions = {}): Promise<BrokerProcess> {
  const started = launch(options);
  const { home, pid } = started;
  let ended: Exit | undefined;
  started.exited.then((exit) => {
    ended = exit;
  });
  const { url, token } = await until("the broker's note of where it listens", () => {
    if (ended) throw new Error(`the broker ended: ${JSON.stringify(ended)} ${started.stderr()}`);
    // It says so once it is all there; the note alone comes a moment before.
    return started.stdout().includes("listens on") && noted(pid, home);
  });
  return { home, url, pid, token, process: started, stop: (signal = "SIGTERM") => started.stop(signal) };
}

/** A broker's file, also when it lies on a disk that only the broker sees. */
export function seenBy(pid: number, path: string): string {
  return process.platform === "linux" ? `/proc/${pid}/root${path}` : path;
}

/** What the broker `pid` wrote about itself; nothing while an earlier one's note stands there, or when it has ended. */
function noted(pid: number, home: string): { url: string; token: string } | undefined {
  const read = (name: string): string => readFileSync(seenBy(pid, join(home, name)), "utf8");
  try {
    const note: { pid: number; url: string } = JSON.parse(read("broker.json"));
    return note.pid === pid ? { url: note.url, token: read("token").trim() } : undefined;
  } catch {
    return undefined;
  }
}

/** Starts a broker that is expected to refuse; answers how it ended. */
export async function refusedStart(options: ProcessOptions = {}): Promise<Exit & { stderr: string; stdout: string }> {
  const started = launch(options);
  const exit = await started.exited;
  return { ...exit, stderr: started.stderr(), stdout: started.stdout() };
}

/** Ends, with the test file, whatever still runs for `home`: sessions that start brokers by themselves, and those brokers. */
export function endBrokerOf(home: string): void {
  atEnd(async () => {
    for (const { pid } of processesOf(home)) await letRecord((signal) => killed(pid, signal));
    await until(`all processes of ${home} have ended`, () => {
      const left = processesOf(home);
      for (const { pid } of left) killed(pid, "SIGKILL");
      return left.length === 0;
    });
  });
}

/** Sends a signal; false when the process has ended. */
function killed(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
