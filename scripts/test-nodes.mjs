// Runs on every supported Node what depends on it: the store's conformance, the tests through the front door, the demo.
//   node scripts/test-nodes.mjs          Node 20, 22, 24 and 26
//   node scripts/test-nodes.mjs 22 26    these
//   node scripts/test-nodes.mjs others   all but the one that runs this
// The Node that runs this stands for its own major version; the others come from the npm package `node`, once.
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(fileURLToPath(import.meta.url), "../..");
process.chdir(root);

const MAJORS = ["20", "22", "24", "26"];
/**
 * What a Node may do otherwise than the one that ran all tests: its SQLite or the driver that stands in for it, with a
 * full disk too; its HTTP and TLS, with their time limits and buffers; its processes, pipes and files.
 */
const CHOSEN = [
  "test/session/server",
  "test/session/mail",
  "test/broker/limits",
  "test/security/tls",
  "test/broker/front-door",
  "test/store",
  "test/broker/full-disk",
  "test/broker/events",
];
/** More than there may be cores: these tests wait for real processes most of the time. */
const WORKERS = 4;
const INSTALL_MS = 120_000;
const TESTS_MS = 240_000;
const DEMO_MS = 60_000;

const scratch = mkdtempSync(join(tmpdir(), "cct-nodes-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));

/** What this machine cannot run, told at the end and to the file that `CCT_NOT_RUN` names. */
const notRun = new Set();

const built = spawnSync(process.execPath, ["scripts/build.mjs"], { stdio: "inherit" });
if (built.status !== 0) process.exit(1);

console.log(`Runs ${CHOSEN.join(", ")} and the demo.`);

let failed = false;
const sum = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const asked = process.argv.slice(2);
const own = process.versions.node.split(".")[0];
const chosen = asked[0] === "others" ? MAJORS.filter((major) => major !== own) : asked.length > 0 ? asked : MAJORS;
for (const major of chosen) {
  const begin = performance.now();
  const { node, why } = findNode(major);
  if (!node) {
    notRun.add(`Node ${major}: ${why}`);
    continue;
  }
  const version = spawnSync(node, ["-p", "process.versions.node"], { encoding: "utf8" }).stdout.trim();
  const tests = runTests(node, major);
  const demo = runDemo(node);
  for (const name of Object.keys(sum)) sum[name] += tests[name];
  failures.push(...tests.failures.map(({ where, error }) => ({ where: `Node ${major}: ${where}`, error })));
  if (!demo) failures.push({ where: `Node ${major}: the demo`, error: [] });
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  const skipped = tests.skipped > 0 ? `, ${tests.skipped} skipped` : "";
  const ended = tests.whole ? "" : ", the run itself failed";
  console.log(
    `Node ${version.padEnd(8)}  ${tests.passed} passed, ${tests.failed} failed${skipped}${ended}; demo ${demo ? "passed" : "FAILED"}; ${seconds} s`,
  );
  failed ||= tests.failed > 0 || !tests.whole || !demo;
}

for (const line of notRun) console.log(`Not run here: ${line}`);
noteNotRun();
writeReport();
process.exitCode = failed ? 1 : 0;

/** The binary of a major version: our own, a cached one, or one that is fetched now. */
function findNode(major) {
  if (own === major) return { node: process.execPath };
  const folder = join(root, "node_modules", ".cache", "cct-nodes", major);
  const cached = () => candidates(folder).find(runs);
  const before = cached();
  if (before) return { node: before };
  mkdirSync(folder, { recursive: true });
  let why = install(folder, `node@${major}`);
  // Its binary comes by an install script, which npm may have been told not to run.
  if (!cached()) why = install(folder, `${platformPackage()}@${major}`, "--ignore-scripts") || why;
  const node = cached();
  return node ? { node } : { why: why || "npm installed it, but it does not run" };
}

function candidates(folder) {
  return ["node", platformPackage()].map((name) => join(folder, "node_modules", name, "bin", "node"));
}

/** The package that holds the binary for this platform; named as the package `node` itself does. */
function platformPackage() {
  const arm = process.platform === "darwin" && process.arch === "arm64";
  return [arm ? "node-bin" : "node", process.platform, process.arch].join("-");
}

function runs(node) {
  return existsSync(node) && spawnSync(node, ["-e", "0"], { stdio: "ignore" }).status === 0;
}

/** Installs one package into `folder`; answers with what went wrong, or nothing. */
function install(folder, name, ...flags) {
  const options = ["--no-audit", "--no-fund", "--no-save", "--loglevel=error", ...flags];
  const { status, stderr, error } = spawnSync("npm", ["install", "--prefix", folder, ...options, name], {
    encoding: "utf8",
    timeout: INSTALL_MS,
  });
  if (status === 0) return "";
  const last = stderr?.trim().split("\n")[0];
  return `${name} could not be fetched (${error?.message ?? (last || `npm ended with ${status}`)})`;
}

/** Every `node` that is found by name is the one under test as well. */
function environment(node, more) {
  const env = { ...process.env, ...more, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  for (const name of Object.keys(env)) if (/^(CCT_(?!NOT_RUN|TEST_RUN)|npm_|VITEST)/.test(name)) delete env[name];
  return env;
}

function runTests(node, major) {
  const result = join(scratch, `${major}.json`);
  const notes = join(scratch, `${major}.not-run`);
  const options = [`--maxWorkers=${WORKERS}`, "--reporter=default", "--reporter=./scripts/test/reporter.mjs"];
  const args = ["node_modules/vitest/vitest.mjs", "run", ...options, ...CHOSEN];
  const { status, stdout, stderr, error } = spawnSync(node, args, {
    env: { ...environment(node, { CCT_NOT_RUN: notes }), CCT_TEST_BROKER: "process", CCT_TEST_REPORT: result },
    encoding: "utf8",
    timeout: TESTS_MS,
    maxBuffer: 64 << 20,
  });
  if (existsSync(notes)) for (const line of readFileSync(notes, "utf8").split("\n")) if (line) notRun.add(line);
  if (status !== 0) console.log(`Node ${major}:\n${stdout}${stderr}`);
  if (!existsSync(result)) {
    const why = `vitest gave no result (${error?.message ?? `status ${status}`})`;
    console.log(`Node ${major}: ${why}.`);
    return { passed: 0, failed: 0, skipped: 0, failures: [{ where: why, error: [] }], whole: false };
  }
  const report = JSON.parse(readFileSync(result, "utf8"));
  // A file that cannot be loaded, or an error outside of every test, fails the run and is in no count.
  return { ...report, whole: status === 0 || report.failed > 0 };
}

function runDemo(node) {
  const { status, stdout, stderr, error } = spawnSync(node, ["dist/bin.js", "demo"], {
    env: environment(node, {}),
    encoding: "utf8",
    timeout: DEMO_MS,
  });
  if (status === 0) return true;
  console.log(`The demo failed (${error?.message ?? `status ${status}`}).\n${stdout}${stderr}`);
  return false;
}

/** For the closing lines of the full run, as the reporter writes it. */
function writeReport() {
  if (process.env.CCT_TEST_REPORT) writeFileSync(process.env.CCT_TEST_REPORT, JSON.stringify({ ...sum, failures }));
}

function noteNotRun() {
  const file = process.env.CCT_NOT_RUN;
  if (!file) return;
  const known = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  for (const line of notRun) if (!known.includes(line)) appendFileSync(file, `${line}\n`);
}
