/** What a repository tells of a session: root, branch, remote, and a summary. Never the network, never for long. */
import { execFile } from "node:child_process";
import { oneLine, stripInvisible } from "../rules/text.ts";

/** At the start nobody waits longer for it. */
const AT_START_MS = 280;
/** What was too slow then is asked again, with more patience. */
const LATER_MS = 20_000;

export interface GitFacts {
  repo?: string;
  branch?: string;
  remote?: string;
  summary?: string;
}

/** What git tells at once; `later` resolves with all of it when something was too slow, and is undefined when nothing was. */
export async function gitFacts(cwd: string): Promise<{ facts: GitFacts; later?: () => Promise<GitFacts> }> {
  const { facts, isWhole } = await ask(cwd, AT_START_MS);
  return isWhole ? { facts } : { facts: {}, later: async () => (await ask(cwd, LATER_MS)).facts };
}

async function ask(cwd: string, patience: number): Promise<{ facts: GitFacts; isWhole: boolean }> {
  const asked = [
    ["rev-parse", "--show-toplevel"],
    ["symbolic-ref", "--short", "-q", "HEAD"],
    ["config", "--get", "remote.origin.url"],
    ["log", "-3", "--format=%s"],
    ["status", "--porcelain", "--untracked-files=no", "--ignore-submodules"],
  ];
  const answers = await Promise.all(asked.map((args) => git(cwd, patience, args)));
  const [root, branch, remote, log, status] = answers.map((answer) => (answer === "slow" ? undefined : answer?.text));
  return { facts: toFacts(root, branch, remote, log, status), isWhole: !answers.includes("slow") };
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

/** `https://user:token@host/x.git` → `https://host/x.git`: a remote's URL may carry a secret. */
export function withoutCredentials(remote: string): string {
  return remote.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, "$1");
}

/** The output without the last newline; `undefined` when git is missing or fails, `slow` when it took too long. */
function git(cwd: string, patience: number, args: readonly string[]): Promise<{ text: string } | "slow" | undefined> {
  return new Promise((resolve) => {
    // No optional locks: looking must not get in the way of the user's own git.
    execFile(
      "git",
      ["--no-optional-locks", ...args],
      { cwd, timeout: patience, killSignal: "SIGKILL", maxBuffer: 1024 * 1024 },
      (error, stdout) => resolve(error ? (error.killed ? "slow" : undefined) : { text: stdout.replace(/\n$/, "") }),
    );
  });
}
