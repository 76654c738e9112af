// The layers of the tests. `npm test` runs the quick part, which every change has to pass and which needs nothing but a
// warm install. The other parts belong to the full run: they take long, or need root, PostgreSQL, Claude Code or another
// Node. A test file is in the quick part unless one of the lists below has it. They hold beginnings of paths.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(fileURLToPath(import.meta.url), "../../..");

/** Needs a PostgreSQL server. */
const POSTGRES = [
  "test/store/postgres.test.ts",
  "test/store/postgres-trips",
  "test/store/postgres-plans",
  "test/broker/shared",
  "test/session/crash-shared",
  "test/cli/migrate",
];
/** Needs other users, homes or devices, a disk of its own, or strace for faults at single system calls. */
const SECURITY = [
  "test/security/local",
  "test/security/attacks",
  "test/security/page",
  "test/security/seats",
  "test/session/full-disk",
];
/** Starts the real Claude Code and the other agents, most of it in network namespaces. */
const HOST = ["test/host"];
const OTHER_AGENTS = ["codex", "copilot", "gemini", "opencode", "qwen", "three"].map((name) => `test/host/${name}`);
/** Shows the page in a real browser. */
const BROWSER = ["test/browser"];
/** Drives `cct watch` in real terminals. */
const TERMINAL = ["test/watch/terminal"];
/** Searches all states of a protocol with spin. */
const MODEL = ["test/model"];
/** Starts very many sessions, or processes of several versions; fills large stores; builds everything with one operation more. */
const LONG = [
  "test/session/seats-long",
  "test/session/wakes-long",
  "test/cli/upgrade",
  "test/broker/growth",
  "test/new-operation",
];
/** Run by the quick part as well, with small counts; `CCT_TEST_SOAK=full` makes them large. */
const SOAK = filesWith("/support/soak.ts");

function filesWith(text) {
  const files = readdirSync(join(root, "test"), { recursive: true }).filter((name) => name.endsWith(".test.ts"));
  return files
    .map((name) => join("test", name))
    .filter((path) => readFileSync(join(root, path), "utf8").includes(text));
}

/** What the store has most to do with. `npm run test:postgres` runs all of the broker's tests there. */
const ON_POSTGRES = [
  "busy",
  "checks",
  "delivery",
  "events",
  "front-door",
  "notify",
  "peers",
  "pools.",
  "pools-absence",
  "pools-mail",
  "private-pools",
  "release",
  "send",
].map((name) => `test/broker/${name}`);
/** What a broker in the test's process and one of its own could do differently. */
const WITH_PROCESS = ["test/broker", "test/client", "test/security", "test/session", "test/statusline"];

const excluding = (...paths) => paths.flatMap((path) => ["--exclude", `${path}*`, "--exclude", `${path}/**`]);
const node = (name, ...args) => ({ name, command: process.execPath, args });
const bin = (name, program, ...args) => ({ name, command: `node_modules/.bin/${program}`, args });
const tests = (name, args, env = {}) => ({ name, vitest: args, env, needs: "build" });

const build = node("build", "scripts/build.mjs");

/** What is done when vitest is told which tests to run. */
export const chosen = (args) => [build, tests("tests", args)];

/** Steps by part, in the order in which they run. */
export const PARTS = {
  quick: [
    bin("types", "tsc", "--noEmit"),
    bin("types of the page", "tsc", "-p", "src/page"),
    bin("lint", "biome", "check", "--error-on-warnings", "."),
    bin("dead code", "knip"),
    build,
    tests("tests", excluding(...POSTGRES, ...SECURITY, ...HOST, ...LONG, ...BROWSER, ...TERMINAL, ...MODEL)),
  ],
  postgres: [
    node("postgresql", "scripts/postgres.mjs"),
    build,
    tests("postgres", POSTGRES),
    // What goes through a broker's front door once more, on brokers that have a PostgreSQL.
    tests("front door on PostgreSQL", ON_POSTGRES, { CCT_TEST_STORE: "postgres" }),
  ],
  process: [
    build,
    // The same tests against brokers in processes of their own, started as users start them.
    tests("broker processes", [...WITH_PROCESS, ...excluding(...POSTGRES, ...SECURITY, ...SOAK, ...LONG)], {
      CCT_TEST_BROKER: "process",
      CCT_TEST_CLI: "process",
    }),
    // Every command as a process of its own, as users run it.
    tests("command processes", ["test/cli/", "test/install/", ...excluding(...POSTGRES)], { CCT_TEST_CLI: "process" }),
  ],
  security: [build, tests("security", SECURITY)],
  browser: [node("chromium", "scripts/chromium.mjs"), build, tests("browser", BROWSER)],
  terminal: [node("tmux", "scripts/tmux.mjs"), build, tests("terminal", TERMINAL)],
  model: [node("spin", "scripts/spin.mjs"), build, tests("model", MODEL)],
  soak: [build, tests("soak", [...SOAK, ...LONG], { CCT_TEST_BROKER: "process", CCT_TEST_SOAK: "full" })],
  // Claude Code alone: a real session under a load that it does not have elsewhere proves nothing. The others wait for their model
  // most of the time.
  host: [
    build,
    tests("real host", [...HOST, "--no-file-parallelism", ...excluding(...OTHER_AGENTS)]),
    tests("other agents", [...OTHER_AGENTS, "--maxWorkers=2"]),
  ],
  // All that ran so far ran on this one.
  nodes: [build, node("other Nodes", "scripts/test-nodes.mjs", "others")],
};

export const FULL_RUN_ADDS =
  "PostgreSQL, brokers in processes of their own, the page in a browser, cct watch in terminals, the model of delivery, other users and networks, soak tests, the real Claude Code, other Nodes";
