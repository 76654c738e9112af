/** Installing CCT into Claude Code and taking it out again: plan, show, carry out, remember. */
import { dirname, join, sep } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Config } from "../platform/config.ts";
import { CctError } from "../platform/errors.ts";
import { readIfThere, writeWhole } from "../platform/home.ts";
import type { World } from "../platform/world.ts";
import { classicChanges, classicRemoval, parseObject } from "./classic.ts";
import { type ClaudePlaces, claudePlaces } from "./claude.ts";
import {
  apply,
  type Change,
  digest,
  exists,
  type FileChange,
  filesBelow,
  missingFolders,
  needed,
  removeEmpty,
} from "./files.ts";
import { atLeast, PLUGIN_SINCE } from "./ladder.ts";
import { checkOurs, isInstalled, isOurs, pluginChanges } from "./plugin.ts";
import { withoutStatusLine, withStatusLine } from "./statusline.ts";
import type { HookKind } from "./toolhooks.ts";

export type Way = "plugin" | "classic";

/** What a person can choose at install. */
export interface InstallOptions {
  /** Leave the permission prompts for CCT's own tools on. */
  ask: boolean;
  /** Show CCT in the status line. */
  statusLine: boolean;
  /** Entries in the settings, for versions that load no plugin, are bash in any case. */
  hooks: HookKind;
}

/** Windows has no bash that starts in two milliseconds; neither the hooks nor the status line use one there. */
export function defaultOptions(platform: string): InstallOptions {
  const isWindows = platform === "win32";
  return { ask: false, statusLine: !isWindows, hooks: isWindows ? "mcp_tool" : "bash" };
}

/** What is remembered of an install, in the home's `install.json`. */
interface Installed {
  changes: Change[];
  folders: string[];
  options?: InstallOptions;
}

export interface Plan {
  way: Way;
  options: InstallOptions;
  /** What would change; nothing when all is as it should be. */
  changes: FileChange[];
}

/** The plugin where the version loads it from the skills folder, or is not known; else entries in the settings. */
export function wayFor(version: string | undefined): Way {
  return version === undefined || atLeast(version, PLUGIN_SINCE) ? "plugin" : "classic";
}

/** What installing would change. Throws `CctError` for files that CCT must not touch. */
export function planInstall(world: World, config: Config, version: string | undefined, options: InstallOptions): Plan {
  const places = claudePlaces(world);
  const way = wayFor(version);
  const { settings } = places;
  const script = way === "plugin" ? join(places.plugin, "statusline", "line.sh") : join(hooksFolder(config), "line.sh");
  const withLine = (changes: FileChange[]): FileChange[] =>
    withSettings(changes, settings, (text) =>
      options.statusLine ? withStatusLine(settings, text, script) : withoutLine(config, settings, text),
    );
  if (way === "plugin") {
    return {
      way,
      options,
      changes: needed([...withLine(classicRemoval(places)), ...pluginChanges(world, places.plugin, options)]),
    };
  }
  const entries = withLine(classicChanges(world, places, hooksFolder(config), version ?? "0", options.ask));
  const line = readIfThere(join(world.root, "plugin", "statusline", "line.sh"));
  const copy = { path: script, content: options.statusLine ? line : undefined };
  return { way, options, changes: needed([copy, ...entries, ...pluginRemoval(places)]) };
}

/** `changes` with the settings' text changed once more. */
function withSettings(changes: FileChange[], path: string, more: (text: string) => string): FileChange[] {
  const planned = changes.find((change) => change.path === path);
  const others = changes.filter((change) => change !== planned);
  const now = readIfThere(path);
  const content = more(planned?.content ?? now ?? "{}\n");
  // Our hooks are taken out and put in again: the same in another order is the same.
  if (now !== undefined && isDeepStrictEqual(parseObject(path, content), parseObject(path, now))) return others;
  return content === "{}\n" ? changes : [...others, { path, content }];
}

/** Settings without our part of the status line, as near to what stood there as the record of the install tells. */
function withoutLine(config: Config, path: string, text: string): string {
  const before = readRecord(config).changes.find((change) => change.path === path)?.before ?? undefined;
  return withoutStatusLine(path, text, before);
}

/** What was chosen at the last install; the defaults when there was none. */
export function chosenOptions(config: Config): InstallOptions {
  return { ...defaultOptions(process.platform), ...readRecord(config).options };
}

/** Where the classic way keeps our hook scripts: with the home, so that they outlive this folder. */
const hooksFolder = (config: Config): string => join(config.home, "hooks");

const recordPath = (config: Config): string => join(config.home, "install.json");

function readRecord(config: Config): Installed {
  const text = readIfThere(recordPath(config));
  if (text === undefined) return { changes: [], folders: [] };
  try {
    const { changes, folders, options } = JSON.parse(text);
    if (Array.isArray(changes) && Array.isArray(folders)) return { changes, folders, options };
  } catch {
    // Said below.
  }
  throw new CctError(
    "store_failed",
    `${recordPath(config)}, which remembers what stood there before CCT was installed, is damaged.`,
    "Move it away; then uninstall takes CCT's entries out and leaves the rest as it stands.",
  );
}

/** Carries out a plan. What stood there before the first install is kept, whatever is installed over it later. */
export function install(world: World, config: Config, plan: Plan): void {
  const record = readRecord(config);
  const save = () => writeWhole(recordPath(config), `${JSON.stringify(record, null, 2)}\n`, world.newId());
  const kept = structuredClone(record);
  record.options = plan.options;
  // What others wrote since the last install is theirs as well: the text before the first one would undo it.
  const withoutUs = new Map(planUninstall(world, config).map(({ path, content }) => [path, content]));
  // The plugin's folder is all ours: what an older or cut off install left in it is nothing to come back to.
  const ours = (path: string) => path.startsWith(claudePlaces(world).plugin + sep);
  const done: FileChange[] = [];
  try {
    for (const change of plan.changes) {
      const before = readIfThere(change.path);
      const known = record.changes.find(({ path }) => path === change.path);
      const after = digest(change.content ?? "");
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
      // Remembered first: an install that is cut off can still be undone.
      save();
      apply(change, world.newId());
      done.unshift({ path: change.path, content: before });
    }
    save();
  } catch (error) {
    // All or nothing: what was changed already is put back.
    for (const change of done) apply(change, world.newId());
    removeEmpty(record.folders.filter((folder) => !kept.folders.includes(folder)));
    if (kept.changes.length > 0) writeWhole(recordPath(config), `${JSON.stringify(kept, null, 2)}\n`, world.newId());
    else apply({ path: recordPath(config), content: undefined }, world.newId());
    throw error;
  }
}

/** What uninstalling would change: each file that install touched as it was before, or without our entries when others changed it since. */
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
  return needed([...restored, ...others, ...ours]);
}

/** Carries it out. `keepFolder`: running sessions complain at every step when the plugin's folder itself is gone. */
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

/** Whether CCT is installed, and how. */
export function installedWay(world: World): Way | undefined {
  const places = claudePlaces(world);
  if (isInstalled(places.plugin)) return "plugin";
  return classicRemoval(places).some(({ path, content }) => readIfThere(path) !== content) ? "classic" : undefined;
}
