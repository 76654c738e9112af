// Runs steps one after the other, counts their tests and collects what failed.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const REPORTER = fileURLToPath(new URL("reporter.mjs", import.meta.url));
/** What is kept of the output of a step without a report. */
const KEPT_CHARACTERS = 4_000;

/**
 * Runs the steps of a run whose files lie in `folder`. A step that fails fails the run, and the others still run, except
 * for those that need it. Answers with the counts, the names of failed steps, what failed in them, and what this machine
 * could not run.
 */
export async function runSteps(steps, folder) {
  const notRun = join(folder, "not-run");
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const failures = [];
  const failed = [];
  for (const [i, { name, command, args, vitest, needs, env }] of steps.entries()) {
    if (failed.includes(needs)) {
      failed.push(name);
      console.log(`✗ ${name}: not run, because ${needs} failed`);
      continue;
    }
    console.log(`▶ ${name}`);
    const started = performance.now();
    const report = join(folder, `${i}.json`);
    const program = vitest ? "node_modules/.bin/vitest" : command;
    const words = vitest ? ["run", "--reporter=default", `--reporter=${REPORTER}`, ...vitest] : args;
    const { problem, output } = await run(
      program,
      words,
      { CCT_NOT_RUN: notRun, CCT_TEST_REPORT: report, ...env },
      !vitest,
    );
    const text = read(report);
    const { failures: found = [], ...own } = text ? JSON.parse(text) : {};
    for (const [outcome, count] of Object.entries(own)) counts[outcome] += count;
    if (problem !== undefined) {
      failed.push(name);
      if (found.length === 0) found.push({ where: problem, error: output.split("\n") });
    }
    failures.push(...found.map(({ where, error }) => ({ where: `${name}: ${where}`, error })));
    console.log(
      `${problem === undefined ? "✓" : "✗"} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`,
    );
  }
  // A failed step counts as one failure at least, so that the closing line is never green on a red run.
  counts.failed = Math.max(counts.failed, failed.length);
  return { counts, failures, failed, notRun: lines(notRun) };
}

/** Runs a program whose output is shown; answers with how it failed, if it did, and where `kept` with the beginning of its output. */
function run(command, args, env, kept) {
  return new Promise((resolve) => {
    let output = "";
    const stdio = ["inherit", kept ? "pipe" : "inherit", kept ? "pipe" : "inherit"];
    const child = spawn(command, args, { stdio, env: { ...process.env, ...env } });
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from?.setEncoding("utf8").on("data", (text) => {
        to.write(text);
        output = (output + text).slice(0, KEPT_CHARACTERS);
      });
    }
    child.on("error", (error) => resolve({ problem: `it could not be started: ${error.message}`, output }));
    child.on("close", (code, signal) =>
      resolve({ problem: code === 0 ? undefined : `it ended with ${signal ?? `status ${code}`}`, output }),
    );
  });
}

const lines = (path) => [...new Set(read(path).split("\n").filter(Boolean))].sort();

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
