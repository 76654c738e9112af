/** Finds out about other processes on this machine: whether they run, and since when. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { systemCode } from "./errors.ts";

/** Whether the process runs. A zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (systemCode(error) !== "EPERM") return false;
  }
  return process.platform !== "linux" || !/^[ZX]/.test(statFields(pid)[0] ?? "");
}

/** A process id in the form that hooks accept too; `undefined` for anything else, which must not become part of a path. */
export function parsePid(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : undefined;
}

/** Asks a process to end, also one that was stopped. Throws if it has ended already or belongs to another user. */
export function terminate(pid: number): void {
  process.kill(pid, "SIGTERM");
  process.kill(pid, "SIGCONT");
}

/** Ends a process that does not end by itself. */
export function forceEnd(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (systemCode(error) !== "ESRCH") throw error;
  }
}

/** The fields of `/proc/<pid>/stat` from the third (the state) on. The name before them, in brackets, may contain anything. */
function statFields(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}

/**
 * Whether the process that started this one had ended before this one could ask for its id: the parent is then one that takes
 * in orphans, of another session of processes. Only Linux says so.
 */
export function isOrphan(parent: number): boolean {
  if (process.platform !== "linux") return false;
  // The session is field 6. One that leads its own was started apart on purpose.
  const [own = "", its = ""] = [process.pid, parent].map((pid) => statFields(pid)[3]);
  return own !== "" && its !== "" && own !== its && own !== String(process.pid);
}

/** Identifies a process together with its pid, which may be reused: its start time, in a form of the system. "" if it has ended. */
export function startMark(pid: number): string {
  try {
    // The start time is field 22.
    if (process.platform === "linux") return statFields(pid)[19] ?? "";
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return "";
  }
}

/** Identifies the time between two starts of the machine; `undefined` if the system does not say. */
export function bootId(): string | undefined {
  try {
    if (process.platform === "linux") return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const asked = ["-n", "kern.bootsessionuuid"];
    return execFileSync("sysctl", asked, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** When a process started, in milliseconds since 1970, to about a second; `undefined` if the system does not say. */
export function startedAt(pid: number): number | undefined {
  const mark = startMark(pid);
  let at = Date.parse(mark);
  if (process.platform === "linux") {
    const boot = /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1];
    // In hundredths of a second since boot, independent of the kernel's tick rate.
    at = mark === "" ? Number.NaN : Number(boot) * 1000 + Number(mark) * 10;
  }
  return Number.isNaN(at) ? undefined : at;
}

/** Whether the process with this pid and start mark still runs. */
export function stillRuns(pid: number, mark: string): boolean {
  return isAlive(pid) && startMark(pid) === mark;
}
