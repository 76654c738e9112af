// Sees to it that there is a PostgreSQL for the tests to start: installs Debian's package where that can be done.
// Without one the tests that need it are listed as not run.
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const debian = "/usr/lib/postgresql";

const isThere = () =>
  process.env.CCT_TEST_POSTGRES !== undefined ||
  (existsSync(debian) && readdirSync(debian).some((version) => existsSync(join(debian, version, "bin/initdb"))));

function install() {
  if (process.getuid?.() !== 0 || spawnSync("apt-get", ["--version"]).status !== 0) return "needs root and apt-get";
  const options = { encoding: "utf8", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }, timeout: 300_000 };
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", "postgresql"]]) {
    const { status, stderr, error } = spawnSync("apt-get", args, options);
    if (status !== 0) return `apt-get ${args[0]} failed: ${error?.message ?? stderr?.trim().split("\n").at(-1)}`;
  }
  return isThere() ? undefined : "the package has no initdb where it is looked for";
}

const problem = isThere() ? undefined : install();
if (problem) {
  console.log(`No PostgreSQL: ${problem}.`);
  if (process.env.CCT_NOT_RUN) appendFileSync(process.env.CCT_NOT_RUN, `what needs PostgreSQL: ${problem}\n`);
}
