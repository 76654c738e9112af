/** Asks git about the repository of a session: root, branch, remote, and a summary. Uses no network, and has a timeout. */
import { execFile } from "node:child_process";
import { readFile, type Stats, stat } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { oneLine, stripInvisible } from "../rules/text.ts";

/** `null`: there is none. */
export interface GitFacts {
  repo: string | null;
  branch: string | null;
  remote: string | null;
  summary: string;
}

/** The facts; `undefined` when git takes too long. */
export async function askGit(cwd: string, timeoutMs: number): Promise<GitFacts | undefined> {
  const asked = [
    ["rev-parse", "--show-toplevel"],
    ["symbolic-ref", "--short", "-q", "HEAD"],
    ["config", "--get", "remote.origin.url"],
    ["log", "-1", "--format=%s"],
    ["status", "--porcelain", "--untracked-files=no", "--ignore-submodules"],
  ];
  const answers = await Promise.all(asked.map((args) => git(cwd, timeoutMs, args)));
  const [root, branch, remote, log, status] = answers.map((answer) => (answer === "slow" ? undefined : answer?.text));
  return answers.includes("slow") ? undefined : toFacts(root, branch, remote, log, status);
}

/**
 * What shows without git that its answers may differ now: the files that a checkout or a commit writes. `""` without a
 * repository. `gitDir`: where the environment says that it is.
 */
export async function evidenceOf(cwd: string, gitDir?: string): Promise<string> {
  const folder = gitDir ? resolve(cwd, gitDir) : await gitFolder(cwd);
  if (folder === undefined) return "";
  // The last one where references are in a table.
  const files = ["HEAD", "logs/HEAD", "reftable/tables.list"].map((name) => join(folder, name));
  const versions = await Promise.all(files.map(statOf));
  return [folder, ...versions.map((one) => one && `${one.ino}:${one.mtimeMs}:${one.size}`)].join(" ");
}

/** The git folder of a working tree. A linked working tree has a file there that names it. */
async function gitFolder(cwd: string): Promise<string | undefined> {
  const path = join(cwd, ".git");
  const found = await statOf(path);
  if (found?.isDirectory()) return path;
  if (found?.isFile()) {
    const [, named] = /^gitdir: (.+)\n?$/.exec(await textOf(path)) ?? [];
    return named === undefined ? undefined : resolve(cwd, named);
  }
  const above = dirname(cwd);
  return above === cwd ? undefined : gitFolder(above);
}

// A slow file system must not stop the session server. Not by `node:fs/promises`, which takes 0.2 MiB.
const statOf = (path: string): Promise<Stats | undefined> =>
  new Promise((done) => stat(path, (error, found) => done(error ? undefined : found)));
const textOf = (path: string): Promise<string> =>
  new Promise((done) => readFile(path, "utf8", (error, text) => done(error ? "" : text)));

type Line = string | undefined;

function toFacts(root: Line, branch: Line, remote: Line, log: Line, status: Line): GitFacts {
  if (!root) return { repo: null, branch: null, remote: null, summary: "" };
  const changed = (status ?? "").split("\n").filter((line) => line !== "");
  const files = changed.map((line) => line.slice(3).split(" -> ").at(-1) ?? "");
  const parts = [
    branch ? `on ${branch}` : "detached",
    changed.length > 0 ? `${changed.length} changed: ${files.slice(0, 4).join(", ")}` : "",
    // One, and not all of a long one: the summary stands in every list.
    log ? `last: ${oneLine(log, 80)}` : "",
  ];
  return {
    repo: stripInvisible(root).slice(0, 4096),
    branch: branch ? oneLine(branch, 255) : null,
    remote: remote ? withoutCredentials(oneLine(remote, 1024)) : null,
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
    const child = execFile(
      "git",
      ["--no-optional-locks", ...args],
      { cwd, timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: 1024 * 1024 },
      (error, stdout) => {
        if (error) return resolve(error.killed ? "slow" : undefined);
        // Node calls it a success when git had ended before the signal came, but reads no more of its output.
        resolve(child.stdout?.readableEnded ? { text: stdout.replace(/\n$/, "") } : "slow");
      },
    );
  });
}
