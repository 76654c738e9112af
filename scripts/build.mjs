// Builds dist/: one bundle for each thing that runs, the surface, the reference, and the licences of what is bundled.
//   node scripts/build.mjs             all of dist/
//   node scripts/build.mjs --surface   also writes what is generated and checked in: see scripts/pages.ts
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { licences } from "./licences.mjs";
import { buildPage } from "./page.mjs";

const root = join(fileURLToPath(import.meta.url), "../..");
process.chdir(root);

/**
 * The program with the session server in it, which runs once per session, as one CommonJS file: node loads such a file
 * without its loader for modules, which takes time and memory. Names in it are short for the same reason.
 */
const program = "src/bin.ts";

/**
 * What the program loads on demand: esbuild's splitting makes each dynamic import a file of its own and puts shared code
 * into chunks. Naming them here keeps their file names stable across builds, so that a process that was started before an
 * upgrade still finds what it loads later.
 */
const entryPoints = {
  cli: "src/cli/main.ts",
  broker: "src/broker/main.ts",
  certificate: "src/broker/http/certificate.ts",
  metrics: "src/broker/operator/prometheus.ts",
  backup: "src/transfer/backup.ts",
  restore: "src/transfer/restore.ts",
  move: "src/transfer/move.ts",
  pinned: "src/client/pinned.ts",
  postgres: "src/store/drivers/postgres.ts",
  qr: "src/cli/parts/qr.ts",
  others: "src/session/others.ts",
  opencode: "src/opencode/main.ts",
  "codex-wake": "src/hosts/codex-wake.ts",
  "qwen-inbox": "src/hosts/qwen-inbox.ts",
  secrets: "src/platform/secret-patterns.ts",
  watch: "src/watch/main.ts",
};

// What the code of a single host loads, when one of its sessions is woken for example.
for (const name of await readdir("src/hosts"))
  for (const [, loaded] of (await readFile(`src/hosts/${name}`, "utf8")).matchAll(/\bimport\("\.\/([\w-]+)\.ts"\)/g))
    entryPoints[loaded] = `src/hosts/${loaded}.ts`;

/** Of these, what the program itself loads. Both sides have copies of their own of what they share. */
const LOADED_BY_PROGRAM = ["cli", "broker", "backup", "restore", "move", "others", "secrets"];
const loadedOnDemand = {
  name: "loaded on demand",
  setup(build) {
    for (const name of LOADED_BY_PROGRAM) {
      const source = entryPoints[name].replace(/^src\/(?:(?:client|session)\/)?/, "").replaceAll(".", "\\.");
      build.onResolve({ filter: new RegExp(`/${source}$`) }, () => ({ path: `./${name}.mjs`, external: true }));
    }
  },
};

const options = {
  bundle: true,
  platform: "node",
  format: "esm",
  // Some packages' CommonJS form cannot be bundled.
  mainFields: ["module", "main"],
  target: "node20.19",
  // Drivers in native code: the one comes with npm, the others are not used.
  external: ["libsql", "pg-native", "pg-cloudflare", "supports-color"],
  logLevel: "warning",
  metafile: true,
};
// Bundled CommonJS packages ask for node's own modules with require().
const banner = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
};

await mkdir("dist", { recursive: true });

if (process.argv.includes("--surface")) await writePages();

const withSourceMaps = process.env.CCT_BUILD_SOURCEMAP === "1";
const output = {
  ...options,
  outdir: "dist",
  // For `npm run coverage`: readable code with source maps.
  minifySyntax: !withSourceMaps,
  minifyWhitespace: !withSourceMaps,
  sourcemap: withSourceMaps && "external",
};
const builds = await Promise.all([
  build({
    ...output,
    entryPoints: { bin: program },
    format: "cjs",
    define: { "import.meta.dirname": "__dirname" },
    minifyIdentifiers: !withSourceMaps,
    plugins: [loadedOnDemand],
  }),
  build({
    ...output,
    entryPoints,
    banner,
    outExtension: { ".js": ".mjs" },
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
  }),
]);
const page = await buildPage();
// The session server reads its tools when it is asked for them: in its code they would take 0.7 MiB of every session.
await copyFile("src/operations/surface/tools.json", "dist/tools.json");
// The package's own says that its .js files are modules, as the source is.
await writeFile("dist/package.json", '{ "type": "commonjs" }\n');
await removeStale([...builds.flatMap(({ metafile }) => Object.keys(metafile.outputs)), ...page.written]);
const inputs = new Set([...builds.flatMap(({ metafile }) => Object.keys(metafile.inputs)), ...page.inputs]);
await writeFile("dist/THIRD_PARTY_LICENSES.txt", await licences([...inputs]));

/** Writes what is generated from tables in src/ and checked in; test/surface.test.ts holds it. */
async function writePages() {
  const out = "dist/.pages.mjs";
  await build({ ...options, banner, entryPoints: ["scripts/pages.ts"], outfile: out });
  const { pages } = await import(pathToFileURL(join(root, out)).href);
  for (const [path, text] of Object.entries(pages())) await writeFile(path, text);
  await rm(out);
}

/** Removes files of earlier builds: the names of chunks carry a hash of their content. */
async function removeStale(outputs) {
  const current = new Set([...outputs, "dist/package.json", "dist/tools.json", "dist/THIRD_PARTY_LICENSES.txt"]);
  for (const entry of await readdir("dist", { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !current.has(path)) await rm(path, { force: true });
  }
}
