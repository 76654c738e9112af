/** Makes system calls of a running process fail, or counts them, with strace (Linux, where it may look at processes). */
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { atEnd } from "./cleanup.ts";
import { tempFolder } from "./folders.ts";
import { until } from "./wait.ts";

let usable: boolean | undefined;

export function canInject(): boolean {
  usable ??= spawnSync("strace", ["-f", "-e", "inject=fsync:error=EIO", "-o", "/dev/null", "true"]).status === 0;
  return usable;
}

/** From its return until `end`, or the end of the test, these calls of the process fail: `fsync,fdatasync:error=EIO`. */
export async function inject(pid: number, fault: string): Promise<{ end(): Promise<void> }> {
  const [calls = ""] = fault.split(":");
  return attach(pid, ["-e", `trace=${calls}`, "-e", `inject=${fault}`]);
}

/** Counts these calls of the process (`fsync,fdatasync`), until `end` answers how many there were. */
export async function countCalls(pid: number, calls: string): Promise<{ end(): Promise<number> }> {
  const file = join(tempFolder(), "calls");
  const tracer = await attach(pid, ["-e", `trace=${calls}`, "-o", file]);
  return {
    async end() {
      await tracer.end();
      const begun = new RegExp(` (${calls.replaceAll(",", "|")})\\(`, "g");
      return readFileSync(file, "utf8").match(begun)?.length ?? 0;
    },
  };
}

async function attach(pid: number, options: readonly string[]): Promise<{ end(): Promise<void> }> {
  const tracer = spawn("strace", ["-f", "-p", String(pid), ...options], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  tracer.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = new Promise<void>((resolve) => tracer.once("close", () => resolve()));
  const end = async (): Promise<void> => {
    // Detaches from the process, which goes on.
    tracer.kill("SIGINT");
    await ended;
  };
  atEnd(end);
  await until("strace to look at the process", () => said.includes("attached"));
  return { end };
}
