// Builds dist/: one bundle for each thing that runs, the surface, the reference, and the licences of what is bundled.
//   node scripts/build.mjs             all of dist/
//   node scripts/build.mjs --surface   also writes what is generated and checked in: see scripts/pages.ts
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { licences } from "./licences.mjs";

const root = join(fileURLToPath(import.meta.url), "../..");
process.chdir(root);

/**
 * The program, and what it loads only on demand: esbuild's splitting makes each dynamic import a file of its own and puts
 * shared code into chunks. Naming them here keeps their file names stable across builds, so that a process that was
 * started before an upgrade still finds what it loads later.
 */
const entryPoints = {
  bin: "src/bin.ts",
  cli: "src/cli/main.ts",
  broker: "src/broker/main.ts",
  certificate: "src/broker/http/certificate.ts",
  metrics: "src/broker/operator/prometheus.ts",
  move: "src/transfer/move.ts",
  pinned: "src/client/pinned.ts",
  postgres: "src/store/drivers/postgres.ts",
  secrets: "src/client/secret-patterns.ts",
};

/**
 * The session server has a build of its own, into dist/session/: it runs once per session, so it shares no code with the
 * rest, of which it would load more than it needs, and in many files. Names in it are short for the same reason.
 */
const sessionEntryPoints = { mcp: "src/session/main.ts", pinned: "src/client/pinned.ts" };

/** Leaves an import to a file of dist/ that is built elsewhere. Both sides have copies of their own of what they share. */
const builtElsewhere = (filter, path) => ({
  name: path,
  setup(build) {
    build.onResolve({ filter }, () => ({ path, external: true }));
  },
});

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
  // Bundled CommonJS packages ask for node's own modules with require().
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
};

await mkdir("dist", { recursive: true });

if (process.argv.includes("--surface")) await writePages();

const withSourceMaps = process.env.CCT_BUILD_SOURCEMAP === "1";
const output = {
  ...options,
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  // For `npm run coverage`: readable code with source maps.
  minifySyntax: !withSourceMaps,
  minifyWhitespace: !withSourceMaps,
  sourcemap: withSourceMaps && "external",
};
const builds = await Promise.all([
  build({
    ...output,
    entryPoints,
    outdir: "dist",
    plugins: [builtElsewhere(/\/session\/main\.ts$/, "./session/mcp.js")],
  }),
  build({
    ...output,
    entryPoints: sessionEntryPoints,
    outdir: "dist/session",
    minifyIdentifiers: !withSourceMaps,
    // It imports nothing of ours, and is large.
    plugins: [builtElsewhere(/\/secret-patterns\.ts$/, "../secrets.js")],
  }),
]);
await removeStale(builds.flatMap(({ metafile }) => Object.keys(metafile.outputs)));
const inputs = new Set(builds.flatMap(({ metafile }) => Object.keys(metafile.inputs)));
await writeFile("dist/THIRD_PARTY_LICENSES.txt", await licences([...inputs]));

/** Writes what is generated from tables in src/ and checked in; test/surface.test.ts holds it. */
async function writePages() {
  const out = "dist/.pages.mjs";
  await build({ ...options, entryPoints: ["scripts/pages.ts"], outfile: out });
  const { pages } = await import(pathToFileURL(join(root, out)).href);
  for (const [path, text] of Object.entries(pages())) await writeFile(path, text);
  await rm(out);
}

/** Removes files of earlier builds: the names of chunks carry a hash of their content. */
async function removeStale(outputs) {
  const current = new Set([...outputs, "dist/THIRD_PARTY_LICENSES.txt"]);
  for (const entry of await readdir("dist", { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !current.has(path)) await rm(path, { force: true });
  }
}
