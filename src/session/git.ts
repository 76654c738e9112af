/** Facts about the repository of a session: root, branch, remote, and a summary. Uses no network, and has a timeout. */
import { execFile } from "node:child_process";
import { oneLine, stripInvisible } from "../rules/text.ts";

/** The registration waits this long. */
const TIMEOUT_MS = 280;
/** For the second attempt, in the background. */
const LATE_TIMEOUT_MS = 20_000;

export interface GitFacts {
  repo?: string;
  branch?: string;
  remote?: string;
  summary?: string;
}

/** The facts, if git is fast enough. Otherwise `later` runs git again with a longer timeout. */
export async function gitFacts(cwd: string): Promise<{ facts: GitFacts; later?: () => Promise<GitFacts> }> {
  const { facts, isComplete } = await ask(cwd, TIMEOUT_MS);
  return isComplete ? { facts } : { facts: {}, later: async () => (await ask(cwd, LATE_TIMEOUT_MS)).facts };
}

async function ask(cwd: string, timeoutMs: number): Promise<{ facts: GitFacts; isComplete: boolean }> {
  const asked = [
    ["rev-parse", "--show-toplevel"],
    ["symbolic-ref", "--short", "-q", "HEAD"],
    ["config", "--get", "remote.origin.url"],
    ["log", "-3", "--format=%s"],
    ["status", "--porcelain", "--untracked-files=no", "--ignore-submodules"],
  ];
  const answers = await Promise.all(asked.map((args) => git(cwd, timeoutMs, args)));
  const [root, branch, remote, log, status] = answers.map((answer) => (answer === "slow" ? undefined : answer?.text));
  return { facts: toFacts(root, branch, remote, log, status), isComplete: !answers.includes("slow") };
}

type Line = string | undefined;

function toFacts(root: Line, branch: Line, remote: Line, log: Line, status: Line): GitFacts {
  if (!root) return {};
  const changed = (status ?? "").split("\n").filter((line) => line !== "");
  const files = changed.map((line) => line.slice(3).split(" -> ").at(-1) ?? "");
  const parts = [
    branch ? `on ${branch}` : "detached",
    changed.length > 0 ? `${changed.length} changed: ${files.slice(0, 4).join(", ")}` : "",
    log ? `last: ${log.split("\n").slice(0, 2).join("; ")}` : "",
  ];
  return {
    repo: stripInvisible(root).slice(0, 4096),
    ...(branch ? { branch: oneLine(branch, 255) } : {}),
    ...(remote ? { remote: withoutCredentials(oneLine(remote, 1024)) } : {}),
    summary: oneLine(parts.filter((part) => part !== "").join(" · "), 300),
  };
}

/** `https://user:token@host/x.git` → `https://host/x.git`: a remote's URL may contain a secret. */
export function withoutCredentials(remote: string): string {
  return remote.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, "$1");
}

/** The output without its last newline. `undefined`: git is missing or failed. `slow`: it ran into the timeout. */
function git(cwd: string, timeoutMs: number, args: readonly string[]): Promise<{ text: string } | "slow" | undefined> {
  return new Promise((resolve) => {
    // No optional locks: they would disturb the user's own git.
    execFile(
      "git",
      ["--no-optional-locks", ...args],
      { cwd, timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: 1024 * 1024 },
      (error, stdout) => resolve(error ? (error.killed ? "slow" : undefined) : { text: stdout.replace(/\n$/, "") }),
    );
  });
}
