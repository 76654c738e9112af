// Runs the tests in layers.
//   npm test                       types, lint, build and every test that needs nothing but a warm install
//   npm test -- test/rules         what these arguments of vitest choose
//   npm run test:all               everything
//   npm run test:all -- security   parts of it: quick, postgres, process, security, browser, terminal, model, soak, host, nodes
//   npm run test:all -- rest       all parts but the quick one
// What failed stands at the very end, and is counted there. With CCT_TEST_TOTALS=<file> that is of this run and of the
// earlier ones that had the same file.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isAlive } from "../test/support/run/processes.mjs";
import { beginRun } from "../test/support/run/run.mjs";
import { closingLines } from "./test/failures.mjs";
import { chosen, FULL_RUN_ADDS, PARTS } from "./test/parts.mjs";
import { runSteps } from "./test/steps.mjs";

process.chdir(join(fileURLToPath(import.meta.url), "../.."));

const [first, ...others] = process.argv.slice(2);
const all = first === "--all";
const steps = all ? stepsOf(others) : first === undefined ? PARTS.quick : chosen([first, ...others]);

endWithNpm();
const testRun = beginRun();
const { failed, notRun, ...ended } = await runSteps(steps, process.env.CCT_TEST_RUN);
const left = (await testRun?.end()) ?? [];

if (!all) console.log(`The full run adds ${FULL_RUN_ADDS}: npm run test:all`);
if (notRun.length > 0) console.log(`Not run here:\n${notRun.map((line) => `  - ${line}`).join("\n")}`);
for (const line of left) console.log(`Left behind by a test, and killed: ${line}`);
const anyRan = ended.counts.passed + ended.counts.failed > 0;
if (!anyRan) console.log("No test ran.");
process.exitCode = failed.length > 0 || !anyRan ? 1 : 0;
const { counts, failures } = addUp(ended);
for (const line of closingLines(failures)) console.log(line);
if (failed.length > 0) console.log(`Failed: ${failed.join(", ")}.`);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);

/** The steps of the parts, without those that an earlier part has had. */
function stepsOf(names) {
  const rest = Object.keys(PARTS).filter((name) => name !== "quick");
  const wanted = names.length === 0 ? Object.keys(PARTS) : names.flatMap((name) => (name === "rest" ? rest : name));
  const unknown = wanted.find((name) => !Object.hasOwn(PARTS, name));
  if (unknown !== undefined) {
    console.error(`There is no part '${unknown}'. Parts: ${Object.keys(PARTS).join(", ")}, rest.`);
    process.exit(2);
  }
  return [...new Set(wanted.flatMap((name) => PARTS[name]))];
}

/** What this run and the earlier ones ended with. */
function addUp(run) {
  const file = process.env.CCT_TEST_TOTALS;
  if (!file) return run;
  const text = readFileSync(file, { encoding: "utf8", flag: "a+" });
  const before = text ? JSON.parse(text) : { counts: {}, failures: [] };
  const counts = Object.entries(run.counts).map(([name, count]) => [name, count + (before.counts[name] ?? 0)]);
  const sum = { counts: Object.fromEntries(counts), failures: [...before.failures, ...run.failures] };
  writeFileSync(file, JSON.stringify(sum));
  return sum;
}

/** npm does not pass on that it was killed, and there may be a shell between it and us. */
function endWithNpm() {
  if (!process.env.npm_lifecycle_event) return;
  for (let pid = process.ppid; pid > 1; ) {
    const { stdout } = spawnSync("ps", ["-o", "ppid=,command=", "-p", String(pid)], { encoding: "utf8" });
    const [, parent = "0", command = ""] = /^\s*(\d+)\s+(.*)/.exec(stdout ?? "") ?? [];
    if (/\bnpm\b/.test(command)) {
      setInterval(() => isAlive(pid) || process.exit(1), 500).unref();
      return;
    }
    pid = Number(parent);
  }
}
