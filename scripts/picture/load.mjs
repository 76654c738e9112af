// Loads modules of this folder, which are TypeScript: node 20 reads none.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const folder = fileURLToPath(new URL(".", import.meta.url));

/** What the modules with these names (without `.ts`) export, together. */
export async function load(names) {
  // In dist/, because the recorder looks for package.json above its own file.
  const bundle = join(folder, "../../dist", `.picture.${process.pid}.mjs`);
  process.on("exit", () => rmSync(bundle, { force: true }));
  await build({
    stdin: { contents: names.map((name) => `export * from "./${name}.ts";`).join("\n"), resolveDir: folder },
    outfile: bundle,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    logLevel: "warning",
  });
  return import(pathToFileURL(bundle).href);
}
