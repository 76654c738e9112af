// Builds dist/: one bundle for each thing that runs, the surface, the reference, and the licences of what is bundled.
//   node scripts/build.mjs             all of dist/
//   node scripts/build.mjs --surface   also writes src/operations/surface.json, docs/reference.md and docs/hosts.md anew
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = join(fileURLToPath(import.meta.url), "../..");
process.chdir(root);

/** Parts that are loaded only when they are asked for, and so are bundles of their own. */
const parts = {
  "session/main": "mcp",
  "cli/main": "cli",
  "broker/main": "broker",
  "broker/certificate": "certificate",
  "broker/move": "move",
  "store/postgres": "postgres",
  "broker/exposition": "metrics",
  "rules/secret-patterns": "secrets",
};

const lazyParts = {
  name: "lazy parts",
  setup(building) {
    building.onResolve(
      { filter: /\/(?:main|certificate|exposition|move|postgres|secret-patterns)\.ts$/ },
      ({ path, kind }) => {
        if (kind !== "dynamic-import") return undefined;
        const part = Object.keys(parts).find(
          (name) => path.endsWith(`${name}.ts`) || path === `./${name.split("/")[1]}.ts`,
        );
        return part ? { path: `./${parts[part]}.js`, external: true } : undefined;
      },
    );
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
  external: ["libsql", "pg-native", "pg-cloudflare"],
  plugins: [lazyParts],
  logLevel: "warning",
  metafile: true,
  // Bundled CommonJS packages ask for node's own modules with require().
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
};

await mkdir("dist", { recursive: true });

if (process.argv.includes("--surface")) {
  const out = "dist/.surface.mjs";
  await build({ ...options, entryPoints: ["src/operations/surface.ts"], outfile: out });
  const { surface, reference } = await import(pathToFileURL(join(root, out)).href);
  await writeFile("src/operations/surface.json", `${JSON.stringify(surface(), null, 2)}\n`);
  await writeFile("docs/reference.md", reference());
  await rm(out);
  await build({ ...options, entryPoints: ["src/host/matrix.ts"], outfile: out });
  const { hostsPage } = await import(`${pathToFileURL(join(root, out)).href}?hosts`);
  await writeFile("docs/hosts.md", hostsPage());
  await rm(out);
}

const inputs = new Set();
const entries = [["src/bin.ts", "bin"], ...Object.entries(parts).map(([source, name]) => [`src/${source}.ts`, name])];
for (const [source, name] of entries) {
  const { metafile } = await build({
    ...options,
    entryPoints: [source],
    outfile: `dist/${name}.js`,
    minifySyntax: true,
    minifyWhitespace: true,
  });
  for (const input of Object.keys(metafile.inputs)) inputs.add(input);
}
await writeFile("dist/THIRD_PARTY_LICENSES.txt", await licences(inputs));

/** The licence text of every package that ended up in a bundle. */
async function licences(files) {
  const folders = new Set();
  for (const file of files) {
    const match = /^(node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file);
    if (match) folders.add(match[1]);
  }
  const texts = [];
  for (const folder of [...folders].sort()) {
    const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
    let text = "";
    for (const candidate of ["LICENSE", "LICENSE.md", "LICENSE.txt", "license", "LICENCE", "license.md"]) {
      text ||= await readFile(`${folder}/${candidate}`, "utf8").catch(() => "");
    }
    texts.push(`${name} ${version} (${license})\n\n${text.trim()}\n`);
  }
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}
