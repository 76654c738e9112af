/** Builds a TypeScript file of the tests so that a process of its own can run it. */
import { mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { atEnd } from "./cleanup.ts";
import { root } from "./folders.ts";

/** Answers with the path of the built file. It lies below the package, where native packages are found. */
export async function builtForChild(source: string): Promise<string> {
  const folder = join(root, ".cache", `test-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, `${basename(source, ".ts")}.mjs`);
  await build({ entryPoints: [source], outfile, bundle: true, platform: "node", format: "esm", external: ["libsql"] });
  return outfile;
}
