/** Fault injection with strace: a process is killed, or gets an error, at one chosen system call. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface SystemCall {
  name: string;
  /** Which call of this name in its process, from 1. */
  nth: number;
}

export const canInject = spawnSync("strace", ["-e", "inject=rename:signal=KILL:when=9", "true"]).status === 0;

/** Wraps a command line so that its system calls are written to `file`. */
export const tracing = (file: string, command: readonly string[]): string[] => ["strace", "-f", "-o", file, ...command];

/** Wraps a command line so that the process, or one that it started, is killed when it makes `call`. */
export function killing(call: SystemCall, command: readonly string[]): string[] {
  const inject = `inject=${call.name}:signal=KILL:when=${call.nth}`;
  return ["strace", "-f", "-o", "/dev/null", "-e", `trace=${call.name}`, "-e", inject, ...command];
}

/** Every system call in a trace, counted for each process by itself as strace counts them. */
export function callsIn(file: string): SystemCall[] {
  const most = new Map<string, number>();
  const counts = new Map<string, number>();
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const [, pid, name] = line.match(/^(\d+)\s+(\w+)\(/) ?? [];
    if (!pid || !name) continue;
    const nth = (counts.get(`${pid} ${name}`) ?? 0) + 1;
    counts.set(`${pid} ${name}`, nth);
    most.set(name, Math.max(nth, most.get(name) ?? 0));
  }
  return [...most].flatMap(([name, count]) => Array.from({ length: count }, (_, i) => ({ name, nth: i + 1 })));
}

/**
 * Wraps a program that is started, so that `what` happens at some of `calls` (names, with commas between them). It keeps
 * its process id: strace watches from a process beside it.
 */
export const injectInto =
  (calls: string, what: string) =>
  (command: readonly string[]): [string, string[]] => [
    "strace",
    ["-D", "-f", "-o", "/dev/null", "-e", `trace=${calls}`, "-e", `inject=${calls}:${what}`, ...command],
  ];
