// Runs the tests in layers.
//   npm test                       types, lint, build and every test that needs nothing but a warm install
//   npm test -- test/rules         what these arguments of vitest choose
//   npm run test:all               everything
//   npm run test:all -- security   parts of it: quick, postgres, process, security, soak, host, nodes
//   npm run test:all -- rest       all parts but the quick one
// With CCT_TEST_TOTALS=<file> the closing line adds up this run and the earlier ones that had the same file.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isAlive } from "../test/support/run/processes.mjs";
import { beginRun } from "../test/support/run/run.mjs";
import { chosen, FULL_RUN_ADDS, PARTS } from "./test/parts.mjs";
import { runSteps } from "./test/steps.mjs";

process.chdir(join(fileURLToPath(import.meta.url), "../.."));

const [first, ...others] = process.argv.slice(2);
const all = first === "--all";
const steps = all ? stepsOf(others) : first === undefined ? PARTS.quick : chosen([first, ...others]);

endWithNpm();
const testRun = beginRun();
const { counts, failed, notRun } = await runSteps(steps, process.env.CCT_TEST_RUN);
for (const left of (await testRun?.end()) ?? []) console.log(`Left behind by a test, and killed: ${left}`);

const total = addUp(counts);
if (notRun.length > 0) console.log(`Not run here:\n${notRun.map((line) => `  - ${line}`).join("\n")}`);
if (failed.length > 0) console.log(`Failed: ${failed.join(", ")}.`);
if (!all) console.log(`The full run adds ${FULL_RUN_ADDS}: npm run test:all`);
const anyRan = counts.passed + counts.failed > 0;
if (!anyRan) console.log("No test ran.");
process.exitCode = failed.length > 0 || !anyRan ? 1 : 0;
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);

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

function addUp(counts) {
  const file = process.env.CCT_TEST_TOTALS;
  if (!file) return counts;
  const text = readFileSync(file, { encoding: "utf8", flag: "a+" });
  const before = text ? JSON.parse(text) : {};
  const sum = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, count + (before[name] ?? 0)]));
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
