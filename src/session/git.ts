/** What a repository tells of a session: root, branch, remote, and a summary. Never the network, never for long. */
import { execFile } from "node:child_process";
import { clean, oneLine } from "../rules/text.ts";

const TIMEOUT_MS = 280;

export interface GitFacts {
  repo?: string;
  branch?: string;
  remote?: string;
  summary?: string;
}

export async function gitFacts(cwd: string): Promise<GitFacts> {
  const [root, branch, remote, log, status] = await Promise.all([
    git(cwd, "rev-parse", "--show-toplevel"),
    git(cwd, "symbolic-ref", "--short", "-q", "HEAD"),
    git(cwd, "config", "--get", "remote.origin.url"),
    git(cwd, "log", "-3", "--format=%s"),
    git(cwd, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules"),
  ]);
  if (!root) return {};
  const changed = (status ?? "").split("\n").filter((line) => line !== "");
  const files = changed.map((line) => line.slice(3).split(" -> ").at(-1) ?? "");
  const parts = [
    branch ? `on ${branch}` : "detached",
    changed.length > 0 ? `${changed.length} changed: ${files.slice(0, 4).join(", ")}` : "",
    log ? `last: ${log.split("\n").slice(0, 2).join("; ")}` : "",
  ];
  return {
    repo: clean(root).slice(0, 4096),
    ...(branch ? { branch: oneLine(branch, 255) } : {}),
    ...(remote ? { remote: withoutCredentials(oneLine(remote, 1024)) } : {}),
    summary: oneLine(parts.filter((part) => part !== "").join(" · "), 300),
  };
}

/** `https://user:token@host/x.git` → `https://host/x.git`: a remote's URL may carry a secret. */
export function withoutCredentials(remote: string): string {
  return remote.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, "$1");
}

/** The output without the last newline; `undefined` when git is missing, fails or is slow. */
function git(cwd: string, ...args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    // No optional locks: looking must not get in the way of the user's own git.
    execFile(
      "git",
      ["--no-optional-locks", ...args],
      { cwd, timeout: TIMEOUT_MS, killSignal: "SIGKILL", maxBuffer: 1024 * 1024 },
      (error, stdout) => resolve(error ? undefined : stdout.replace(/\n$/, "")),
    );
  });
}
