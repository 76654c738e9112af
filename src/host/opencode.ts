/** Installs CCT into OpenCode: one file, a plugin, which loads ours. */
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { opencode } from "../hosts/opencode.ts";
import { CctError } from "../platform/errors.ts";
import { readIfThere } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import {
  applyAll,
  effectiveChanges,
  exists,
  type FileChange,
  missingFolders,
  readObject,
  refuseLink,
  removeEmpty,
} from "./files.ts";
import type { HostInstall } from "./host-install.ts";
import { onPath } from "./on-path.ts";

type Here = Pick<World, "env" | "cwd">;

const PACKAGE = "opencode-ai";
/** OpenCode puts it into its folder at a start, in its own version. */
const ITS_PLUGIN_API = join("node_modules", "@opencode-ai", "plugin", "package.json");

const HEAD =
  "// CCT: makes OpenCode's sessions peers. Written by cct install, removed by: cct uninstall --host opencode";
/** Folders that install made, in a comment of the file. */
const MADE = "// folders: ";

/** `~/.config/opencode`. */
const home = ({ env, cwd }: Here): string =>
  join(env.XDG_CONFIG_HOME ? resolve(cwd, env.XDG_CONFIG_HOME) : join(env.HOME || homedir(), ".config"), "opencode");

const fileIn = (world: Here): string => join(home(world), "plugin", "cct.js");

const textIn = (world: Here): string => readIfThere(fileIn(world)) ?? "";
const isOurs = (text: string): boolean => text.startsWith(HEAD);

/** OpenCode goes on without CCT when that is gone. */
const content = ({ node, root }: World, made: readonly string[]): string => `${HEAD}
${MADE}${JSON.stringify(made)}
export const CCT = async (input) => {
  try {
    const { plugin } = await import(${JSON.stringify(pathToFileURL(join(root, "dist", "opencode.mjs")).href)});
    return await plugin(input, {
      node: ${JSON.stringify(node)},
      root: ${JSON.stringify(resolve(root))},
      process,
    });
  } catch {
    return {};
  }
};
`;

function madeBy(text: string): string[] {
  const line = text.split("\n").find((one) => one.startsWith(MADE)) ?? "";
  try {
    const made: unknown = JSON.parse(line.slice(MADE.length));
    return Array.isArray(made) ? made.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

function plan(world: World): FileChange[] {
  const path = fileIn(world);
  refuseLink(path);
  const text = textIn(world);
  if (exists(path) && !isOurs(text))
    throw new CctError("conflict", `${path} exists and is not CCT's.`, "Move it away, then install again.");
  const made = exists(path) ? madeBy(text) : missingFolders(dirname(path));
  return effectiveChanges([{ path, content: content(world, made) }]);
}

const planRemoval = (world: World): FileChange[] =>
  isOurs(textIn(world)) ? [{ path: fileIn(world), content: undefined }] : [];

function found(world: Here): { version?: string } | undefined {
  const program = onPath(world, "opencode", PACKAGE);
  if (program === undefined) return exists(home(world)) ? {} : undefined;
  return program.version === undefined ? versionOfPlugin(world) : program;
}

function versionOfPlugin(world: Here): { version?: string } {
  try {
    const { version } = readObject(join(home(world), ITS_PLUGIN_API));
    return typeof version === "string" ? { version } : {};
  } catch {
    return {};
  }
}

export const opencodeInstall: HostInstall = {
  name: opencode.name,
  title: opencode.title,
  tried: ["1.18.33"],
  folder: fileIn,
  found,
  isInstalled: (world) => isOurs(textIn(world)),
  plan,
  planRemoval,
  install: (world) => applyAll(plan(world), world),
  uninstall(world) {
    const made = madeBy(textIn(world));
    const files = applyAll(planRemoval(world), world);
    if (files > 0) removeEmpty(made);
    return files;
  },
};
