/** Makes system calls of a running process fail, with strace (Linux, where it may look at processes). */
import { spawn, spawnSync } from "node:child_process";
import { atEnd } from "./cleanup.ts";
import { until } from "./wait.ts";

let usable: boolean | undefined;

export function canInject(): boolean {
  usable ??= spawnSync("strace", ["-f", "-e", "inject=fsync:error=EIO", "-o", "/dev/null", "true"]).status === 0;
  return usable;
}

/** From its return until `end`, or the end of the test, these calls of the process fail: `fsync,fdatasync:error=EIO`. */
export async function inject(pid: number, fault: string): Promise<{ end(): Promise<void> }> {
  const [calls = ""] = fault.split(":");
  const tracer = spawn("strace", ["-f", "-p", String(pid), "-e", `trace=${calls}`, "-e", `inject=${fault}`], {
    stdio: ["ignore", "ignore", "pipe"],
  });
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
