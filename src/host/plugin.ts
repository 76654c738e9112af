/** The plugin as Claude Code loads it from the personal skills folder: a copy of `plugin/` with the paths of this CCT. */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { claude } from "../hosts/claude.ts";
import { CctError } from "../platform/errors.ts";
import { readIfThere } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import { type FileChange, filesBelow, refuseLink } from "./files.ts";
import { shellWord } from "./shell.ts";
import { type HookKind, toolHooks } from "./toolhooks.ts";

const MANIFEST = ".claude-plugin/plugin.json";
/** The host puts its folder on the PATH of the session's shell. */
const COMMAND = "bin/cct";

export interface PluginOptions {
  /** Keep the permission prompts for CCT's own tools. */
  ask: boolean;
  hooks: HookKind;
}

/** The changes that bring the folder up to date, including the deletion of an older version's files. */
export function pluginChanges(world: World, folder: string, options: PluginOptions): FileChange[] {
  checkOurs(folder);
  const source = join(world.root, "plugin");
  // The manifest comes first: it marks the folder as ours even when the install is interrupted.
  const names = [MANIFEST, ...filesBelow(source).filter((name) => name !== MANIFEST)];
  const wanted = names.map((name) => ({
    path: join(folder, name),
    content: pluginFile(world, name, readFileSync(join(source, name), "utf8"), options),
    ...(name === COMMAND && { isProgram: true }),
  }));
  const stale = filesBelow(folder).filter((name) => !names.includes(name));
  return [...wanted, ...stale.map((name) => ({ path: join(folder, name), content: undefined }))];
}

function pluginFile(world: World, name: string, text: string, { ask, hooks }: PluginOptions): string {
  if (name === ".mcp.json") {
    const cct = { command: world.node, args: [join(world.root, "dist", "bin.js"), "mcp", "--host", claude.name] };
    return `${JSON.stringify({ mcpServers: { cct } }, null, 2)}\n`;
  }
  if (name === COMMAND) {
    const program = join(world.root, "dist", "bin.js");
    return text
      .replace(/^node=$/m, () => `node=${shellWord(world.node)}`)
      .replace(/^program=$/m, () => `program=${shellWord(program)}`);
  }
  if (name === MANIFEST) {
    return `${JSON.stringify({ ...JSON.parse(text), version: world.version }, null, 2)}\n`;
  }
  if (name === "hooks/hooks.json" && hooks === "mcp_tool")
    return toolHooks([world.node, join(world.root, "dist", "bin.js")], ask);
  if (name === "hooks/hooks.json" && ask) {
    const file = JSON.parse(text);
    // The entry for our own tools is the one that suppresses their permission prompts.
    const isOurTools = ({ matcher }: { matcher?: string }): boolean => matcher?.startsWith("mcp__") ?? false;
    file.hooks.PreToolUse = file.hooks.PreToolUse.filter((entry: { matcher?: string }) => !isOurTools(entry));
    return `${JSON.stringify(file, null, 2)}\n`;
  }
  return text;
}

/** Throws `conflict` when the folder holds anything but our plugin. */
export function checkOurs(folder: string): void {
  refuseLink(folder);
  if (isOurs(folder)) return;
  throw new CctError("conflict", `${folder} exists and is not CCT's plugin.`, "Move it away, then install again.");
}

/** Whether CCT may write there: the folder holds our plugin, or nothing but temporary files of an interrupted install. */
export function isOurs(folder: string): boolean {
  return isInstalled(folder) || filesBelow(folder).every((name) => basename(name).startsWith(".tmp."));
}

export const isInstalled = (folder: string): boolean => readManifest(folder).name === "cct";

/** Of which version of CCT it is; `undefined` when it is not there. */
export function pluginVersion(folder: string): string | undefined {
  const { name, version } = readManifest(folder);
  return name === "cct" && typeof version === "string" ? version : undefined;
}

function readManifest(folder: string): { name?: unknown; version?: unknown } {
  try {
    return Object(JSON.parse(readIfThere(join(folder, MANIFEST)) ?? "{}"));
  } catch {
    return {};
  }
}
