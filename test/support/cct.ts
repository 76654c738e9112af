/** The `cct` command, run as a person would run it, in an environment that holds nothing of the person who runs the tests. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { atEnd } from "./cleanup.ts";
import { root } from "./folders.ts";

export interface CctRun {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CctOptions {
  /** The whole environment. */
  env: Record<string, string | undefined>;
  cwd?: string;
  /** Standard input; nothing by default. */
  stdin?: string | Buffer;
  /** The folder of the package to run; this one by default. */
  package?: string;
  /** Standard output is a terminal of this width, in this process only. */
  columns?: number;
  /** Wraps the command line. */
  within?: (command: string[]) => string[];
}

/** Runs it to its end. */
export function cct(args: readonly string[], options: CctOptions): Promise<CctRun> {
  const command = [process.execPath, join(options.package ?? root, "dist/bin.js"), ...args];
  const [program = "", ...rest] = options.within?.(command) ?? command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { env: options.env, cwd: options.cwd ?? root, stdio: "pipe" });
    atEnd(() => void (child.exitCode === null && child.signalCode === null && child.kill("SIGKILL")));
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.stdin.on("error", () => {});
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(options.stdin ?? "");
  });
}

/** What went wrong, when it is said as it should be: one line on standard error, nothing of the program's inside, status 1. */
export function failure(run: CctRun): string {
  // On a loaded machine it says what it waits for.
  const said = run.stderr.replace("cct: waiting for 'claude --version' …\n", "");
  if (run.code !== 1 || !/^cct: [^\n]+\n$/.test(said) || /\n?\s+at .*\.(js|ts):\d/.test(said)) {
    throw new Error(`not a failure in one line: ${JSON.stringify(run)}`);
  }
  return said.slice("cct: ".length, -1);
}

/** What is wrong with a command line, when it is said as it should be: one line, status 2, nothing done. */
export function wrongUsage(run: CctRun): string {
  if (run.code !== 2 || run.stdout !== "" || !/^cct: [^\n]+\n$/.test(run.stderr))
    throw new Error(`not wrong usage in one line: ${JSON.stringify(run)}`);
  return run.stderr.slice("cct: ".length, -1);
}

/** Said where a busy machine is slow to start `claude`. */
const SLOW = "cct: waiting for 'claude --version' …\n";

/** What was printed, when all went well and without a complaint. */
export function success(run: CctRun): string {
  if (run.code !== 0 || (run.stderr !== "" && run.stderr !== SLOW))
    throw new Error(`not a success: ${JSON.stringify(run)}`);
  return run.stdout;
}
