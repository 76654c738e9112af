/** Mallory: another user of this machine (a uid that owns nothing here) with a shell and its tools. */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { atEnd } from "../support/cleanup.ts";
import { tempFolder } from "../support/folders.ts";
import { isRoot } from "../support/not-run.ts";

const MALLORY = 54_322;
/** A number that no process has: who believes the trap and kills its process kills none. */
const NOBODYS = 999_999_999;
const become = ["--reuid", String(MALLORY), "--regid", String(MALLORY), "--clear-groups", "bash", "-c"];

/** Whether the test can be somebody else. */
export const canBeMallory = (): boolean =>
  process.platform === "linux" && isRoot && spawnSync("setpriv", [...become, ":"]).status === 0;

export interface Attack {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a script as Mallory; `$1` … are the arguments. */
export function mallory(script: string, ...args: string[]): Promise<Attack> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env.PATH }, cwd: "/", timeout: 120_000 };
    execFile("setpriv", [...become, script, "mallory", ...args], options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
  });
}

/** A process of Mallory's that stays until the test file ends. */
export function malloryStays(): ChildProcess {
  const child = spawn("setpriv", [...become, "exec sleep 600"], { stdio: "ignore" });
  atEnd(() => void child.kill("SIGKILL"));
  return child;
}

/** A folder that all users may go into; `mode` says what else. */
export function openFolder(mode: number): string {
  const folder = tempFolder();
  chmodSync(folder, mode);
  return folder;
}

/** A port of Mallory's: it answers as a broker would, and keeps what it was told. */
export async function trap(): Promise<{ url: string; heard: string[] }> {
  const heard: string[] = [];
  const server = createServer((request, response) => {
    heard.push(`${request.method} ${request.url} ${request.headers.authorization ?? ""}`);
    response.setHeader("content-type", "application/json").end(JSON.stringify({ ok: true, pid: NOBODYS }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, heard };
}
