/** Child processes that end with the test file, each by its own pid. */
import { type ChildProcess, spawn } from "node:child_process";
import { atEnd } from "./cleanup.ts";

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Running {
  pid: number;
  child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves when the process has ended and its output is read. */
  exited: Promise<Exit>;
  /** Sends a signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<Exit>;
}

export interface RunOptions {
  /** The whole environment, but for PATH. */
  env?: Record<string, string>;
  cwd?: string;
}

/** Longer than a broker takes to drain its requests. */
const RECORD_MS = 10_000;

/**
 * While coverage is measured, lets a process exit before it is killed: it writes its record when it exits. `kill` returns
 * whether the process was there.
 */
export async function letRecord(kill: (signal: NodeJS.Signals | 0) => boolean): Promise<void> {
  if (!process.env.NODE_V8_COVERAGE || !kill("SIGTERM")) return;
  const deadline = performance.now() + RECORD_MS;
  while (kill(0) && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 15));
}

export function run(command: string, args: readonly string[], options: RunOptions = {}): Running {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { PATH: process.env.PATH, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  // A program that cannot be started is told to whoever waits for its end, and to nobody else.
  exited.catch(() => {});
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} could not be started`);
  const stop = (signal: NodeJS.Signals): Promise<Exit> => {
    child.kill(signal);
    return exited;
  };
  atEnd(async () => {
    await letRecord((signal) => child.kill(signal));
    if (child.exitCode === null && child.signalCode === null) await stop("SIGKILL");
  });
  return { pid, child, stdout: () => stdout, stderr: () => stderr, exited, stop };
}
