/** The plugin as Claude Code loads it from the personal skills folder: a copy of `plugin/` with the paths of this CCT. */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { CctError } from "../platform/errors.ts";
import { readIfThere } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import { type FileChange, filesBelow, refuseLink } from "./files.ts";
import { type HookKind, toolHooks } from "./toolhooks.ts";

const MANIFEST = ".claude-plugin/plugin.json";

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
  }));
  const stale = filesBelow(folder).filter((name) => !names.includes(name));
  return [...wanted, ...stale.map((name) => ({ path: join(folder, name), content: undefined }))];
}

function pluginFile(world: World, name: string, text: string, { ask, hooks }: PluginOptions): string {
  if (name === ".mcp.json") {
    const cct = { command: world.node, args: [join(world.root, "dist", "bin.js"), "mcp"] };
    return `${JSON.stringify({ mcpServers: { cct } }, null, 2)}\n`;
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

export function isInstalled(folder: string): boolean {
  try {
    return JSON.parse(readIfThere(join(folder, MANIFEST)) ?? "{}").name === "cct";
  } catch {
    return false;
  }
}
