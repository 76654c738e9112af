/** Builds a TypeScript file of the tests so that a process of its own can run it. */
import { basename, join } from "node:path";
import { build } from "esbuild";
import { tempFolder } from "./folders.ts";

/** Answers with the path of the built file. The folder of the run leads to the package's own packages. */
export async function builtForChild(source: string): Promise<string> {
  const outfile = join(tempFolder(), `${basename(source, ".ts")}.mjs`);
  await build({ entryPoints: [source], outfile, bundle: true, platform: "node", format: "esm", external: ["libsql"] });
  return outfile;
}
