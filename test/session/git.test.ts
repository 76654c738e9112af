/** What others see of the repository that a session works in. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { askGit, withoutCredentials } from "../../src/session/git.ts";
import { ok } from "../support/api.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { tempFolder } from "../support/folders.ts";
import { startHost } from "../support/host.ts";
import { until } from "../support/wait.ts";

const gitIn = (cwd: string, ...args: string[]) =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.org", ...args], { cwd, stdio: "ignore" });

function repository(): string {
  const folder = tempFolder();
  const git = (...args: string[]) => gitIn(folder, ...args);
  git("init", "-b", "feature/x");
  writeFileSync(join(folder, "a file.txt"), "one\n");
  git("add", ".");
  git("commit", "-m", "Begin");
  git("remote", "add", "origin", "https://me:s3cret@example.org/team/project.git");
  writeFileSync(join(folder, "a file.txt"), "two\n");
  return folder;
}

/** So long that only a hang exceeds it, also on a loaded machine. */
const allFacts = (cwd: string) => askGit(cwd, 120_000);

test("peers see root, branch and a summary, and never a secret in the remote's URL", async () => {
  const cwd = repository();
  const { home } = await startBroker();
  const host = await startHost(home, "ann", { cwd });
  await host.ready();
  // On a busy machine git may be slow; then its facts come later.
  const { text } = await until("git has told the peers of the repository", async () => {
    const { structured, text } = await host.tool("cct_list_peers");
    const [me] = structured.peers as { cwd: string; repo: string; branch: string }[];
    return me?.cwd === cwd && me.repo === cwd && me.branch === "feature/x" && { text };
  });
  expect(text).toContain("on feature/x · 1 changed: ");
  expect(text).toContain("last: Begin");
  expect(text).not.toContain("s3cret");
  expect(await allFacts(cwd)).toMatchObject({ remote: "https://example.org/team/project.git" });
});

test("a slow git delays nothing; its facts follow later", async () => {
  const cwd = repository();
  const slow = tempFolder();
  writeFileSync(join(slow, "git"), `#!/bin/sh\nsleep 1\nPATH=\${PATH#*:} exec git "$@"\n`, { mode: 0o755 });
  const { home } = await startBroker();
  const began = performance.now();
  const host = await startHost(home, "ann", { cwd, env: { PATH: `${slow}:${process.env.PATH}` } });
  const seen = async () => {
    const { peers = [] } = (await host.tool("cct_list_peers")).structured as { peers?: { branch: string | null }[] };
    return peers[0];
  };
  const first = await seen();
  // Registered before git has finished, unless the machine is just as slow.
  if (performance.now() - began < 1_000) expect(first).toMatchObject({ branch: null });
  await until("git has told", async () => (await seen())?.branch === "feature/x");
});

test("an answer of git that comes while nobody can read it in time counts as slow, not as no repository", async () => {
  const cwd = repository();
  await new Promise(setImmediate);
  const asked = askGit(cwd, 50);
  // As on a busy machine. Git ends meanwhile, or is killed afterwards: neither is an answer.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  expect(await asked).toBeUndefined();
});

test("a folder without a repository has no facts", async () => {
  expect(await allFacts(tempFolder())).toEqual({ repo: null, branch: null, remote: null, summary: "" });
});

/** Waits until peers see this of the only session. */
const becomes = (broker: TestBroker, what: string, seen: object) =>
  until(what, async () => {
    const [me] = (await ok(broker, "list_peers", {})).peers;
    const wrong = Object.entries(seen).filter(([key, value]) =>
      Object.entries(me ?? {}).every(([k, v]) => k !== key || v !== value),
    );
    return wrong.length === 0;
  });

test("peers see another branch, a commit and a detached head of a session that runs; its own summary stays", async () => {
  const cwd = repository();
  const broker = await startBroker();
  const host = await startHost(broker.home, "ann", { cwd });
  await becomes(broker, "the branch at the start", { repo: cwd, branch: "feature/x" });
  gitIn(cwd, "checkout", "-b", "fix/y");
  await becomes(broker, "the new branch", {
    branch: "fix/y",
    summary: 'on fix/y · 1 changed: "a file.txt" · last: Begin',
  });
  gitIn(cwd, "commit", "-am", "Second");
  await becomes(broker, "the commit", { summary: "on fix/y · last: Second" });
  await host.tool("cct_set_summary", { summary: "mine" });
  gitIn(cwd, "checkout", "--detach");
  await becomes(broker, "the detached head", { branch: null, summary: "mine" });
  await host.tool("cct_set_summary", { summary: "" });
  gitIn(cwd, "checkout", "feature/x");
  await becomes(broker, "the branch again", { branch: "feature/x", summary: "on feature/x · last: Begin" });
});

test("peers see where a session works that has changed to a linked working tree, and then to a folder without a repository", async () => {
  const [cwd, linked, plain] = [repository(), join(tempFolder(), "linked"), tempFolder()];
  gitIn(cwd, "worktree", "add", "-b", "other", linked);
  const broker = await startBroker();
  const host = await startHost(broker.home, "ann", { cwd });
  await becomes(broker, "the branch at the start", { cwd, branch: "feature/x" });
  await host.hook("UserPromptSubmit", {}, { cwd: linked });
  await becomes(broker, "the linked working tree", { cwd: linked, repo: linked, branch: "other" });
  gitIn(linked, "checkout", "-b", "another");
  await becomes(broker, "its new branch", { branch: "another" });
  await host.hook("Stop", {}, { cwd: plain });
  await becomes(broker, "no repository", { cwd: plain, repo: null, branch: null, summary: "" });
});

test.each([
  ["https://token@github.com/a/b.git", "https://github.com/a/b.git"],
  ["https://user:pass@host/a", "https://host/a"],
  ["ssh://git@host/a", "ssh://host/a"],
  ["git@github.com:a/b.git", "git@github.com:a/b.git"],
  ["/srv/git/a@b.git", "/srv/git/a@b.git"],
])("the remote %s is told as %s", (remote, told) => {
  expect(withoutCredentials(remote)).toBe(told);
});
