/** What can be known of another process on this machine. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { systemCode } from "./errors.ts";

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}

/** A mark of when a process began, so that a reused pid is told from the process that had it; "" when it has ended. */
export function startMark(pid: number): string {
  try {
    if (process.platform === "linux") {
      // The command's name, in brackets, may hold anything; the fields after it are plain. Field 22 is the start time.
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    }
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return "";
  }
}

/** Whether this very process, and not another one under its number, still runs. */
export function stillRuns(pid: number, mark: string): boolean {
  return isAlive(pid) && startMark(pid) === mark;
}
