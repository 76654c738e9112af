// Sees to it that a program of a Debian package is there, and installs it where that can be done. Without it the tests that
// need it are listed as not run.
import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";

/** `tests`: what is not run without it. */
export function need({ name, tests, isThere }) {
  const problem = isThere() ? undefined : install(name, isThere);
  if (!problem) return;
  console.log(`No ${name}: ${problem}.`);
  if (process.env.CCT_NOT_RUN) appendFileSync(process.env.CCT_NOT_RUN, `${tests}: ${problem}\n`);
}

function install(name, isThere) {
  if (process.getuid?.() !== 0 || spawnSync("apt-get", ["--version"]).status !== 0) return "needs root and apt-get";
  const options = { encoding: "utf8", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }, timeout: 600_000 };
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", name]]) {
    const { status, stderr, error } = spawnSync("apt-get", args, options);
    if (status !== 0) return `apt-get ${args[0]} failed: ${error?.message ?? stderr?.trim().split("\n").at(-1)}`;
  }
  return isThere() ? undefined : `the package does not bring it`;
}
