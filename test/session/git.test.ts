/** What a session tells others of the repository in which it works. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gitFacts, withoutCredentials } from "../../src/session/git.ts";
import { startBroker } from "../support/broker.ts";
import { tempFolder } from "../support/folders.ts";
import { startHost } from "../support/host.ts";

function repository(): string {
  const folder = tempFolder();
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.org", ...args], {
      cwd: folder,
      stdio: "ignore",
    });
  git("init", "-b", "feature/x");
  writeFileSync(join(folder, "a file.txt"), "one\n");
  git("add", ".");
  git("commit", "-m", "Begin");
  git("remote", "add", "origin", "https://me:s3cret@example.org/team/project.git");
  writeFileSync(join(folder, "a file.txt"), "two\n");
  return folder;
}

test("peers see root, branch and a summary of the work, and never a secret that the remote's address holds", async () => {
  const cwd = repository();
  const { home } = await startBroker();
  const host = await startHost(home, "ann", { cwd });
  const { structured, text } = await host.tool("cct_list_peers");
  expect(structured.peers).toMatchObject([{ cwd, repo: cwd, branch: "feature/x" }]);
  expect(text).toContain("on feature/x · 1 changed: ");
  expect(text).toContain("last: Begin");
  expect(text).not.toContain("s3cret");
  expect(await gitFacts(cwd)).toMatchObject({ remote: "https://example.org/team/project.git" });
});

test("a folder without a repository has none of that, and breaks nothing", async () => {
  expect(await gitFacts(tempFolder())).toEqual({});
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
