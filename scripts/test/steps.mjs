// Runs steps one after the other and counts their tests.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Runs the steps of a run whose files lie in `folder`. A step that fails fails the run, and the others still run, except
 * for those that need it. Answers with the counts, the names of failed steps, and what this machine could not run.
 */
export async function runSteps(steps, folder) {
  const notRun = join(folder, "not-run");
  const reports = [];
  const failed = [];
  for (const { name, command, args, vitest, needs, env } of steps) {
    if (failed.includes(needs)) {
      failed.push(name);
      console.log(`✗ ${name}: not run, because ${needs} failed`);
      continue;
    }
    console.log(`▶ ${name}`);
    const started = performance.now();
    const report = join(folder, `${reports.length}.json`);
    reports.push(report);
    const program = vitest ? "node_modules/.bin/vitest" : command;
    const words = vitest
      ? ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...vitest]
      : args;
    const ok = await run(program, words, { CCT_NOT_RUN: notRun, CCT_TEST_REPORT: report, ...env });
    if (!ok) failed.push(name);
    console.log(`${ok ? "✓" : "✗"} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  }
  return { counts: counted(reports, failed.length), failed, notRun: lines(notRun) };
}

function run(command, args, env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...env } });
    child.on("error", (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(false);
    });
    child.on("exit", (code) => resolve(code === 0));
  });
}

/** Tests by how they ended; steps without tests write no report. A failed step counts as one failure at least, so that the line is never green on a red run. */
function counted(reports, failedSteps) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const text of reports.map(read)) {
    const { numTotalTests: total = 0, numPassedTests: passed = 0, numFailedTests = 0 } = text ? JSON.parse(text) : {};
    sum.passed += passed;
    sum.failed += numFailedTests;
    sum.skipped += total - passed - numFailedTests;
  }
  sum.failed = Math.max(sum.failed, failedSteps);
  return sum;
}

const lines = (path) => [...new Set(read(path).split("\n").filter(Boolean))].sort();

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
