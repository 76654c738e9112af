/** What can be known of another process on this machine. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { systemCode } from "./errors.ts";

/** Whether the process runs. One that has ended and that nobody has waited for yet (a zombie) does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (systemCode(error) !== "EPERM") return false;
  }
  return process.platform !== "linux" || !/^[ZX]/.test(statFields(pid)[0] ?? "");
}

/** The fields of `/proc/<pid>/stat` from the third one, the state, on. The name before them, in brackets, may hold anything. */
function statFields(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}

/** A mark of when a process began, so that a reused pid is told from the process that had it; "" when it has ended. */
export function startMark(pid: number): string {
  try {
    // The start time is field 22.
    if (process.platform === "linux") return statFields(pid)[19] ?? "";
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return "";
  }
}

/** When a process began, to about a second, in milliseconds since 1970; `undefined` when that cannot be known. */
export function startedAt(pid: number): number | undefined {
  const mark = startMark(pid);
  let at = Date.parse(mark);
  if (process.platform === "linux") {
    const boot = /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1];
    // In hundredths of a second since then, whatever the kernel's own clock ticks.
    at = mark === "" ? Number.NaN : Number(boot) * 1000 + Number(mark) * 10;
  }
  return Number.isNaN(at) ? undefined : at;
}

/** Whether this very process, and not another one under its number, still runs. */
export function stillRuns(pid: number, mark: string): boolean {
  return isAlive(pid) && startMark(pid) === mark;
}
