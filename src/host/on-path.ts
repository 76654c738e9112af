/** Programs of other hosts on this machine. */
import { realpathSync } from "node:fs";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { readIfThere } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import { exists } from "./files.ts";

/**
 * The program of that name on PATH; `undefined` without one. Its npm package says its version, because to ask the program itself would
 * take a second. One of another origin does not.
 */
export function onPath(
  { env }: Pick<World, "env">,
  name: string,
  npmPackage: string,
): { version?: string } | undefined {
  const program = (env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, name))
    .find(exists);
  if (program === undefined) return undefined;
  try {
    // Beside the program, or above its folder `bin`.
    const folder = dirname(realpathSync(program));
    const manifest = readIfThere(join(folder, "package.json")) ?? readIfThere(join(folder, "..", "package.json"));
    const { name: owner, version } = Object(JSON.parse(manifest ?? "{}"));
    return owner === npmPackage && typeof version === "string" ? { version } : {};
  } catch {
    return {};
  }
}
