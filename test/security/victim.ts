/** The user whom Mallory attacks, with commands, hooks and status line, and what is planted. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type CctRun, cct } from "../support/cct.ts";
import { root } from "../support/folders.ts";
import { runHook } from "../support/host.ts";

export const ALL = "another user of the machine";
const plugin = join(root, "plugin");
const EVENTS = ["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolBatch", "Stop", "StopFailure", "SessionEnd"];
export const MAIL = `normal 1\n"planted words"\nplanted words\n`;

export function everything(folder: string): string[] {
  return [folder, ...readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name))];
}

/** The victim's commands at a home, in an environment of nothing else. */
export function victim(home: string): (...args: string[]) => Promise<CctRun> {
  const env = { PATH: process.env.PATH, HOME: join(home, ".."), CCT_HOME: home, CCT_PORT: "0" };
  return (...args) => cct(args, { env, cwd: root });
}

/** Runs the status line as the host does. */
export function statusLine(home: string, pid: number): string {
  const env = { PATH: process.env.PATH, CCT_HOME: home, CLAUDE_PID: String(pid) };
  return execFileSync("bash", [join(plugin, "statusline/line.sh")], { env, encoding: "utf8", timeout: 60_000 }).trim();
}

export async function hooksSay(home: string, pid: number): Promise<unknown[]> {
  const env = { PATH: process.env.PATH, HOME: join(home, ".."), CCT_HOME: home, CLAUDE_PID: String(pid) };
  const said: unknown[] = [];
  for (const event of EVENTS) said.push(await runHook(plugin, env, event, { session_id: "s-1" }));
  return said;
}

export const silence = EVENTS.map(() => ({ status: 0, signal: null, stdout: "", stderr: "" }));
