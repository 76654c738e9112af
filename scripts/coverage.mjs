// Measures the coverage of src/: in vitest's own processes, and in every process of the built program.
//   npm run coverage                   all tests but those with the real host
//   npm run coverage -- test/broker    what these arguments of vitest choose
// Prints lines, branches and functions, folder by folder. Afterwards coverage/ holds summary.txt, uncovered.txt,
// coverage-final.json, lcov.info and, for a browser, index.html.
// Not measured: shell scripts, and processes ended by SIGKILL, which leave no record.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { mergeScriptCovs } from "@bcoe/v8-coverage";
import convert from "ast-v8-to-istanbul";
import { transform } from "esbuild";
import libCoverage from "istanbul-lib-coverage";
import libReport from "istanbul-lib-report";
import reports from "istanbul-reports";
import { parseAstAsync, parseCLI, startVitest } from "vitest/node";

const root = join(fileURLToPath(import.meta.url), "../..");
process.chdir(root);

const folder = join(root, "coverage");
/** Node writes the coverage of a process here when it exits (NODE_V8_COVERAGE). */
const records = join(folder, "records");
const maps = join(folder, "maps");
/** The report of vitest's own processes. */
const inTests = join(folder, "vitest");
const COLLECT_MS = 2_000;

rmSync(folder, { recursive: true, force: true });
for (const path of [records, maps]) mkdirSync(path, { recursive: true });

build({ CCT_BUILD_SOURCEMAP: "1" });
// Keep the source maps out of dist/: only this script reads them.
for (const file of filesIn("dist", ".map")) {
  mkdirSync(dirname(join(maps, file)), { recursive: true });
  renameSync(join("dist", file), join(maps, file));
}
if (readdirSync(maps).length === 0) throw new Error("The build wrote no source maps.");
/** The code of each file in dist/. */
const built = new Map(
  [...filesIn("dist", ".js"), ...filesIn("dist", ".mjs")].map((file) => [
    file,
    readFileSync(join("dist", file), "utf8"),
  ]),
);
/** The merged coverage of each of these files over all processes. */
const ran = new Map();
let processes = 0;

await runTests();
collect();
const lost = readdirSync(records).length;

// Start from every file of src/, loaded or not, compiled alone, so that the layout of dist/ does not affect the totals.
const all = libCoverage.createCoverageMap({});
for (const file of filesIn("src", ".ts")) {
  const path = join(root, "src", file);
  const { code, map } = await compile(readFileSync(path, "utf8"), path);
  all.merge(await converted(path, code, JSON.parse(map), []));
}
add(JSON.parse(readFileSync(join(inTests, "coverage-final.json"), "utf8")));
for (const [file, script] of ran) {
  const map = JSON.parse(readFileSync(join(maps, `${file}.map`), "utf8"));
  add(await converted(join(root, "dist", file), built.get(file), map, script.functions));
}

const context = libReport.createContext({ dir: folder, coverageMap: all });
for (const name of ["json", "lcovonly", "html"]) reports.create(name).execute(context);
writeFileSync(join(folder, "uncovered.txt"), uncovered());
writeFileSync(join(folder, "summary.txt"), summary());
for (const path of [records, maps, inTests]) rmSync(path, { recursive: true });
console.log(`\n${summary()}`);
build();

function build(env = {}) {
  const { status } = spawnSync(process.execPath, ["scripts/build.mjs"], {
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  if (status !== 0) process.exit(1);
}

function filesIn(path, end) {
  return readdirSync(path, { recursive: true }).filter((file) => file.endsWith(end));
}

/** esbuild compiles the tests as it compiles dist/, so that positions in src/ agree in both. */
function compile(code, path) {
  return transform(code, { loader: "ts", target: "node20.19", sourcefile: path, sourcemap: "external" });
}

async function runTests() {
  const { filter, options } = parseCLI(["vitest", "run", ...process.argv.slice(2)]);
  if (filter.length === 0) options.exclude = [options.exclude ?? [], "test/host/**"].flat();
  const measured = {
    watch: false,
    // Node passes this variable on to every child process, even with an explicit environment.
    env: { NODE_V8_COVERAGE: records },
    // Measured code is slower.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    coverage: {
      enabled: true,
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["json"],
      reportsDirectory: inTests,
      reportOnFailure: true,
    },
  };
  const esbuild = {
    name: "esbuild",
    enforce: "pre",
    transform: (code, id) => (/^[^?]+\.ts$/.test(id) && !id.includes("/node_modules/") ? compile(code, id) : undefined),
  };
  // Merge continuously: the records of thousands of processes would fill the disk.
  const timer = setInterval(collect, COLLECT_MS);
  await startVitest("test", filter, { ...options, ...measured }, { oxc: false, plugins: [esbuild] });
  clearInterval(timer);
}

/** Merges the finished records and deletes them. */
function collect() {
  const found = new Map();
  for (const name of readdirSync(records)) {
    const path = join(records, name);
    let record;
    try {
      record = JSON.parse(readFileSync(path, "utf8"));
    } catch {
      // Still being written, or its process was killed.
      continue;
    }
    rmSync(path);
    const scripts = record.result.map((script) => ({ ...script, url: ofDist(script) })).filter(({ url }) => url);
    if (scripts.length > 0) processes++;
    for (const script of scripts) found.set(script.url, [...(found.get(script.url) ?? []), script]);
  }
  for (const [file, scripts] of found) {
    if (ran.has(file)) scripts.push(ran.get(file));
    ran.set(file, mergeScriptCovs(scripts));
  }
}

/** The file of dist/ that a script is a copy of; undefined for any other script. */
function ofDist({ url, functions }) {
  const [, file] = /^file:.*\/dist\/(.+)$/.exec(url) ?? [];
  return built.get(file)?.length === functions[0].ranges[0].endOffset ? file : undefined;
}

/** Converts V8 coverage to positions in src/. */
async function converted(path, code, sourceMap, functions) {
  return convert({
    code,
    sourceMap,
    ast: await parseAstAsync(code),
    coverage: { url: pathToFileURL(path).href, functions },
  });
}

/**
 * Adds hits to the totals. Positions are matched by their start, because source maps disagree about ends. Code that only a
 * bundle has is ignored.
 */
function add(more) {
  for (const [path, from] of Object.entries(more)) {
    const to = all.data[path]?.data;
    if (!to) continue;
    const kinds = [
      ["s", "statementMap", (place) => place],
      ["f", "fnMap", ({ loc }) => loc],
      ["b", "branchMap", ({ loc }) => loc],
    ];
    for (const [hits, places, where] of kinds) {
      const keys = keysOf(to[places], where);
      for (const [key, id] of keysOf(from[places], where)) {
        const known = keys.get(key);
        if (known === undefined) continue;
        if (hits === "b") to.b[known] = to.b[known].map((count, i) => count + from.b[id][i]);
        else to[hits][known] += from[hits][id];
      }
    }
  }
}

/** Keys for positions; of several with the same start, the outer one comes first. */
function keysOf(places, where) {
  const keys = new Map();
  for (const [id, place] of Object.entries(places)) {
    const { line, column } = where(place).start;
    let key = `${line}:${column} ${place.type ?? ""} ${place.locations?.length ?? ""}`;
    while (keys.has(key)) key += "+";
    keys.set(key, id);
  }
  return keys;
}

function summary() {
  const folders = new Map();
  const total = libCoverage.createCoverageSummary();
  for (const path of all.files()) {
    const name = dirname(relative(root, path));
    if (!folders.has(name)) folders.set(name, libCoverage.createCoverageSummary());
    for (const sum of [folders.get(name), total]) sum.merge(all.fileCoverageFor(path).toSummary());
  }
  const cell = ({ pct, covered, total }) => `${pct.toFixed(2).padStart(6)} % ${`${covered}/${total}`.padStart(11)}`;
  const row = (name, { data }) =>
    [name.padEnd(16), cell(data.lines), cell(data.branches), cell(data.functions)].join("  ");
  const heads = ["", "lines", "branches", "functions"].map((head, i) => (i ? head.padStart(20) : head.padEnd(16)));
  const { lines, branches, functions } = total.data;
  return `${[
    `Coverage of src/: lines ${lines.pct} %, branches ${branches.pct} %, functions ${functions.pct} %`,
    heads.join("  "),
    ...[...folders].sort().map(([name, sum]) => row(name.split(sep).join("/"), sum)),
    row("all", total),
    `From vitest's processes and ${processes} of the program; ${lost} ended while writing their record.`,
  ].join("\n")}\n`;
}

/** Per file: uncovered lines, and lines with an uncovered branch. */
function uncovered() {
  const texts = [];
  for (const path of all.files().sort()) {
    const file = all.fileCoverageFor(path);
    const lines = file.getUncoveredLines();
    const branches = Object.entries(file.getBranchCoverageByLine())
      .filter(([line, { coverage }]) => coverage < 100 && !lines.includes(line))
      .map(([line]) => line);
    if (lines.length + branches.length === 0) continue;
    texts.push(`${relative(root, path)}\n  lines: ${lines.join(" ")}\n  branches: ${branches.join(" ")}\n`);
  }
  return texts.join("");
}
