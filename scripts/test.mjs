// What `npm test` runs: types, lint, build, the tests, those with the real host, and the front door on every supported
// Node. Each step is told with its time; one that fails fails the run, and the others still run.
// Arguments go to vitest, and then only what they choose is tested: npm test -- test/rules
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(join(fileURLToPath(import.meta.url), "../.."));
const folder = mkdtempSync(join(tmpdir(), "cct-test-run-"));
const notRun = join(folder, "not-run");

const chosen = process.argv.slice(2);
/** Where vitest writes what became of the tests of a step. */
const reports = [];

function vitest(...args) {
  const report = join(folder, `${reports.length}.json`);
  reports.push(report);
  return ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...args];
}

// They start the built program: without it they would test an old one.
const needs = "build";
const tests = (name, ...args) => ({ name, command: "node_modules/.bin/vitest", args: vitest(...args), needs });

/** What the store has most to do with. `npm run test:postgres` runs all of the broker's tests there. */
const ON_POSTGRES = [
  "busy",
  "delivery",
  "events",
  "front-door",
  "peers",
  "pools.",
  "private-pools",
  "release",
  "send",
].map((name) => `test/broker/${name}`);

const steps = [
  { name: "types", command: "node_modules/.bin/tsc", args: ["--noEmit"] },
  { name: "lint", command: "node_modules/.bin/biome", args: ["check", "--error-on-warnings", "."] },
  { name: "build", command: process.execPath, args: ["scripts/build.mjs"] },
  { name: "postgresql", command: process.execPath, args: ["scripts/postgres.mjs"] },
  ...(chosen.length > 0
    ? [tests("tests", ...chosen)]
    : [
        tests("tests", "--exclude", "test/host/**"),
        // What goes through a broker's front door once more, on brokers that have a PostgreSQL.
        {
          ...tests("on PostgreSQL", ...ON_POSTGRES),
          env: { CCT_TEST_STORE: "postgres" },
        },
        // Alone: a real session under a load that it does not have elsewhere proves nothing.
        tests("real host", "test/host", "--no-file-parallelism"),
        // All that ran so far ran on this one.
        { name: "node versions", command: process.execPath, args: ["scripts/test-nodes.mjs", "others"], needs },
      ]),
];

const failed = [];
for (const { name, command, args, needs, env } of steps) {
  if (needs && failed.includes(needs)) {
    failed.push(name);
    console.log(`✗ ${name}: not run, because ${needs} failed`);
    continue;
  }
  const started = performance.now();
  const ok = await run(command, args, env);
  if (!ok) failed.push(name);
  console.log(`${ok ? "✓" : "✗"} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
}

const counts = counted();
const missed = read(notRun).split("\n").filter(Boolean).sort();
if (counts.total === 0) console.log("No test ran.");
else if (missed.length === 0) console.log(chosen.length > 0 ? "Everything chosen ran." : "Everything ran.");
else console.log(`Not run here:\n${missed.map((line) => `  - ${line}`).join("\n")}`);
if (failed.length > 0) console.log(`Failed: ${failed.join(", ")}.`);
rmSync(folder, { recursive: true, force: true });

process.exitCode = failed.length > 0 || counts.total === 0 ? 1 : 0;
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);

function run(command, args, env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, CCT_NOT_RUN: notRun, ...env } });
    child.on("error", (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(false);
    });
    child.on("exit", (code) => resolve(code === 0));
  });
}

/** Tests by their end. A step that failed counts as one more that did, so that this line is never green on a red run. */
function counted() {
  const sum = { total: 0, passed: 0, failed: 0, skipped: 0 };
  for (const text of reports.map(read)) {
    const { numTotalTests: total = 0, numPassedTests: passed = 0, numFailedTests = 0 } = text ? JSON.parse(text) : {};
    sum.total += total;
    sum.passed += passed;
    sum.failed += numFailedTests;
    sum.skipped += total - passed - numFailedTests;
  }
  if (failed.length > sum.failed) sum.failed = failed.length;
  return sum;
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
