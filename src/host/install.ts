/** Installs CCT into Claude Code and removes it: plan, show, apply, record. */
import { dirname, join, sep } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Config } from "../platform/config.ts";
import { CctError } from "../platform/errors.ts";
import { readIfThere, writeWhole } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import { atLeast, isOlder } from "../rules/versions.ts";
import { classicChanges, classicRemoval, hasOurHooks, hooksRemoval, parseObject, serverRemoval } from "./classic.ts";
import { type ClaudePlaces, claudePlaces } from "./claude.ts";
import {
  apply,
  type Change,
  digest,
  effectiveChanges,
  exists,
  type FileChange,
  filesBelow,
  missingFolders,
  removeEmpty,
} from "./files.ts";
import { PLUGIN_SINCE } from "./ladder.ts";
import { checkOurs, isInstalled, isOurs, pluginChanges, pluginVersion } from "./plugin.ts";
import { withoutStatusLine, withStatusLine } from "./statusline.ts";
import type { HookKind } from "./toolhooks.ts";

/** `plugin`: a plugin folder. `classic`: entries in the settings, for versions that cannot load the plugin. */
export type InstallMethod = "plugin" | "classic";

/** The choices of `cct install`. */
export interface InstallOptions {
  /** Keep the permission prompts for CCT's own tools. */
  ask: boolean;
  /** Show CCT in the status line. */
  statusLine: boolean;
  /** The classic method always uses bash. */
  hooks: HookKind;
}

/** Windows has no bash that starts in two milliseconds, so neither hooks nor status line use bash there. */
export function defaultOptions(platform: string = process.platform): InstallOptions {
  const isWindows = platform === "win32";
  return { ask: false, statusLine: !isWindows, hooks: isWindows ? "mcp_tool" : "bash" };
}

/** The record of an install, `install.json` in the home. */
interface InstallRecord {
  changes: Change[];
  folders: string[];
  options?: InstallOptions;
}

export interface Plan {
  method: InstallMethod;
  options: InstallOptions;
  /** Empty when everything is up to date. */
  changes: FileChange[];
  /** Why the settings stay as they are. The plugin works without them: the status line is left out, and older hooks stay. */
  leftOut?: CctError;
}

/** The plugin where the version supports it or is unknown; otherwise classic. */
function methodFor(version: string | undefined): InstallMethod {
  return version === undefined || atLeast(version, PLUGIN_SINCE) ? "plugin" : "classic";
}

/** What an install would change. Throws `CctError` for files that CCT must not touch. */
export function planInstall(world: World, config: Config, version: string | undefined, options: InstallOptions): Plan {
  const places = claudePlaces(world);
  const method = methodFor(version);
  const { settings } = places;
  const script =
    method === "plugin" ? join(places.plugin, "statusline", "line.sh") : join(hooksFolder(config), "line.sh");
  const withLine = (changes: FileChange[]): FileChange[] =>
    withSettings(changes, settings, (text) =>
      options.statusLine ? withStatusLine(settings, text, script) : withoutLine(config, settings, text),
    );
  if (method === "plugin") {
    // Two files: what is wrong with one does not keep the entries in the other.
    const inSettings = attempt(() => withLine(hooksRemoval(places)));
    const [edits, leftOut] = inSettings instanceof CctError ? [[], inSettings] : [inSettings, undefined];
    const inState = attempt(() => serverRemoval(places));
    const changes = effectiveChanges([
      ...pluginChanges(world, places.plugin, options),
      ...edits,
      ...(inState instanceof CctError ? [] : inState),
    ]);
    return { method, options, changes, ...(leftOut && { leftOut }) };
  }
  const entries = withLine(classicChanges(world, places, hooksFolder(config), version ?? "0", options.ask));
  const line = readIfThere(join(world.root, "plugin", "statusline", "line.sh"));
  const copy = { path: script, content: options.statusLine ? line : undefined };
  return { method, options, changes: effectiveChanges([copy, ...entries, ...pluginRemoval(places)]) };
}

function attempt<T>(work: () => T): T | CctError {
  try {
    return work();
  } catch (error) {
    if (error instanceof CctError) return error;
    throw error;
  }
}

/** What to put into the settings by hand when CCT cannot. */
export function statusLineByHand(world: World): string {
  const { plugin, settings } = claudePlaces(world);
  return withStatusLine(settings, "{}", join(plugin, "statusline", "line.sh"));
}

/** Applies one more edit to the settings among the planned changes. */
function withSettings(changes: FileChange[], path: string, more: (text: string) => string): FileChange[] {
  const planned = changes.find((change) => change.path === path);
  const others = changes.filter((change) => change !== planned);
  const now = readIfThere(path);
  const content = more(planned?.content ?? now ?? "{}\n");
  // Our hooks are removed and added again: a different order alone is no change.
  if (now !== undefined && isDeepStrictEqual(parseObject(path, content), parseObject(path, now))) return others;
  return content === "{}\n" ? changes : [...others, { path, content }];
}

/** The settings without our status line, restored as closely as the install record allows. */
function withoutLine(config: Config, path: string, text: string): string {
  const before = readRecord(config).changes.find((change) => change.path === path)?.before ?? undefined;
  return withoutStatusLine(path, text, before);
}

/** The options of the last install, or the defaults. */
export function chosenOptions(config: Config): InstallOptions {
  return { ...defaultOptions(), ...readRecord(config).options };
}

/** Where the classic method keeps our hook scripts: in the home, so that they survive the removal of this package. */
const hooksFolder = (config: Config): string => join(config.home, "hooks");

const recordPath = (config: Config): string => join(config.home, "install.json");

function readRecord(config: Config): InstallRecord {
  const text = readIfThere(recordPath(config));
  if (text === undefined) return { changes: [], folders: [] };
  try {
    const { changes, folders, options } = JSON.parse(text);
    if (Array.isArray(changes) && Array.isArray(folders)) return { changes, folders, options };
  } catch {
    // Reported below.
  }
  throw new CctError(
    "store_failed",
    `${recordPath(config)}, the record of what the files contained before the install, is damaged.`,
    "Move it away; uninstall then removes CCT's entries and keeps the rest.",
  );
}

/**
 * Applies a plan, or rolls back when a change fails; returns what was done. Settings that cannot be written are left out of a
 * plugin's install. The record keeps the content from before the first install.
 */
export function install(world: World, config: Config, plan: Plan): Plan {
  let { leftOut } = plan;
  const { settings } = claudePlaces(world);
  const record = readRecord(config);
  const save = () => writeWhole(recordPath(config), `${JSON.stringify(record, null, 2)}\n`, world.newId());
  const previous = structuredClone(record);
  record.options = plan.options;
  // Edits that others made since the last install are theirs too; restoring the text from before it would undo them.
  const removal = attempt(() => planUninstall(world, config));
  const withoutUs = new Map(removal instanceof CctError ? [] : removal.map(({ path, content }) => [path, content]));
  // The plugin folder is ours alone: content of an older or interrupted install is never restored.
  const ours = (path: string) => path.startsWith(claudePlaces(world).plugin + sep);
  const done: FileChange[] = [];
  try {
    for (const change of plan.changes) {
      const before = readIfThere(change.path);
      const known = record.changes.find(({ path }) => path === change.path);
      const after = digest(change.content ?? "");
      const earlier = structuredClone(record.changes);
      if (known) {
        const changed = digest(before ?? "") !== known.after && !ours(change.path);
        if (changed) known.before = (withoutUs.has(change.path) ? withoutUs.get(change.path) : before) ?? null;
        known.after = after;
      } else record.changes.push({ path: change.path, before: ours(change.path) ? null : (before ?? null), after });
      if (change.content !== undefined) {
        for (const folder of missingFolders(dirname(change.path))) {
          if (!record.folders.includes(folder)) record.folders.push(folder);
        }
      }
      // Recorded before the change, so that an interrupted install can be undone.
      save();
      const failed = attempt(() => apply(change, world.newId()));
      if (failed) {
        if (plan.method !== "plugin" || change.path !== settings) throw failed;
        leftOut = failed;
        record.changes = earlier;
        continue;
      }
      done.unshift({ path: change.path, content: before });
    }
    save();
    const changes = plan.changes.filter(({ path }) => !leftOut || path !== settings);
    return { ...plan, changes, ...(leftOut && { leftOut }) };
  } catch (error) {
    // Roll back the changes made so far.
    for (const change of done) apply(change, world.newId());
    removeEmpty(record.folders.filter((folder) => !previous.folders.includes(folder)));
    if (previous.changes.length > 0)
      writeWhole(recordPath(config), `${JSON.stringify(previous, null, 2)}\n`, world.newId());
    else apply({ path: recordPath(config), content: undefined }, world.newId());
    throw error;
  }
}

/**
 * What an uninstall would change: each file that install touched gets its previous content, or only loses our entries
 * when somebody changed it since.
 */
export function planUninstall(world: World, config: Config): FileChange[] {
  const places = claudePlaces(world);
  const { settings } = places;
  const removal = [
    ...withSettings(classicRemoval(places), settings, (text) => withoutLine(config, settings, text)),
    ...pluginRemoval(places),
  ];
  const restored = readRecord(config)
    .changes.filter(
      ({ path, after }) => digest(readIfThere(path) ?? "") === after && !path.startsWith(config.home + sep),
    )
    .map(({ path, before }) => ({ path, content: before ?? undefined }));
  const others = removal.filter(({ path }) => !restored.some((one) => one.path === path));
  const ours = filesBelow(hooksFolder(config)).map((name) => ({
    path: join(hooksFolder(config), name),
    content: undefined,
  }));
  return effectiveChanges([...restored, ...others, ...ours]);
}

/** Applies it. `keepFolder`: keep the empty plugin folder, because running sessions report errors when it is gone. */
export function uninstall(world: World, config: Config, changes: readonly FileChange[], keepFolder: boolean): void {
  const { folders } = readRecord(config);
  const { plugin } = claudePlaces(world);
  const within = foldersBelow(plugin);
  for (const change of changes) apply(change, world.newId());
  removeEmpty([...within, hooksFolder(config)]);
  if (!keepFolder) removeEmpty([plugin, ...folders]);
  apply({ path: recordPath(config), content: undefined }, world.newId());
}

function pluginRemoval({ plugin }: ClaudePlaces): FileChange[] {
  if (!exists(plugin) || !isOurs(plugin)) return [];
  checkOurs(plugin);
  return filesBelow(plugin).map((name) => ({ path: join(plugin, name), content: undefined }));
}

function foldersBelow(folder: string): string[] {
  const inner = new Set<string>();
  for (const name of filesBelow(folder)) {
    const parts = name.split("/").slice(0, -1);
    for (let n = 1; n <= parts.length; n++) inner.add(join(folder, ...parts.slice(0, n)));
  }
  return [...inner];
}

/** How CCT is installed; `undefined` when it is not. */
export function installedMethod(world: World): InstallMethod | undefined {
  const places = claudePlaces(world);
  if (isInstalled(places.plugin)) return "plugin";
  return classicRemoval(places).some(({ path, content }) => readIfThere(path) !== content) ? "classic" : undefined;
}

/** Whether hooks of an earlier install of the classic method stand in the settings. */
export const hasOldHooks = (world: World): boolean => hasOurHooks(claudePlaces(world));

/** The version of CCT whose plugin is installed. */
export const installedVersion = (world: World): string | undefined => pluginVersion(claudePlaces(world).plugin);

/** A version of CCT that is installed and newer than this one. */
export function newerInstall(world: World): string | undefined {
  const installed = installedVersion(world);
  return installed !== undefined && isOlder(world.version, installed) ? installed : undefined;
}
