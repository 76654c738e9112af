/** Installs CCT into Qwen Code: an extension, which is a folder of our own, and a status line in the user's settings. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { hooksOf } from "../hosts/hooks-file.ts";
import { qwen } from "../hosts/qwen.ts";
import { scriptFor } from "../hosts/script.ts";
import { CctError } from "../platform/errors.ts";
import type { World } from "../platform/world.ts";
import {
  applyAll,
  effectiveChanges,
  exists,
  type FileChange,
  filesBelow,
  folderChanges,
  json,
  missingFolders,
  readObject,
  refuseLink,
  removeEmpty,
} from "./files.ts";
import type { HostInstall } from "./host-install.ts";
import { onPath } from "./on-path.ts";
import { type Edited, type SharedFile, shareIfReadable, unshare, withoutEmpty } from "./shared-file.ts";
import { shellWord } from "./shell.ts";
import { withoutStatusLine, withStatusLine } from "./statusline.ts";

const MANIFEST = "qwen-extension.json";
const RECORD = "cct-install.json";
const UI = "ui";
const LINE = [UI, "statusLine"];

/** What install found, beside the manifest. */
interface Found {
  /** Folders that were not there. */
  folders: string[];
  /** Whether the user wants a status line. */
  statusLine: boolean;
  /** What is remembered of the user's settings. */
  settings?: Edited;
}

type Place = Pick<World, "env" | "cwd">;

/** `~/.qwen`, or `$QWEN_HOME`. */
const home = ({ env, cwd }: Place): string =>
  env.QWEN_HOME ? resolve(cwd, env.QWEN_HOME) : join(env.HOME || homedir(), ".qwen");

const folderIn = (world: Place): string => join(home(world), "extensions", "cct");

const found = (world: Place): { version?: string } | undefined =>
  onPath(world, "qwen", "@qwen-code/qwen-code") ?? (exists(home(world)) ? {} : undefined);

/** The manifest and the record first: with them an uninstall undoes the rest. */
function plan(world: World, options: { statusLine?: boolean } = {}): FileChange[] {
  const folder = folderIn(world);
  refuseLink(folder);
  if (filesBelow(folder).length > 0 && !isOurs(folder))
    throw new CctError("conflict", `${folder} exists and is not CCT's extension.`, "Move it away, then install again.");
  const script = (name: string): string => scriptFor(readFileSync(join(world.root, "plugin", name), "utf8"), qwen);
  const server = {
    command: world.node,
    args: [join(world.root, "dist", "bin.js"), "mcp", "--host", qwen.name],
    // Its hooks give the instructions.
    env: { CCT_HOOKS: "extension" },
    // Its tools need no permission.
    trust: true,
  };
  const known = recordIn(folder);
  const statusLine = options.statusLine ?? known?.statusLine ?? true;
  const line = shareIfReadable(settingsOf(world), statusLine, known?.settings);
  const record: Found = {
    folders: known?.folders ?? missingFolders(folder),
    statusLine,
    ...(line.edited && { settings: line.edited }),
  };
  const wanted = {
    [MANIFEST]: json({ name: "cct", version: world.version, mcpServers: { cct: server } }),
    [RECORD]: json(record),
    "hooks/hooks.json": json({ hooks: hooks(join(folder, "hooks", "mail.sh")) }),
    "hooks/mail.sh": script("hooks/mail.sh"),
    "statusline/line.sh": script("statusline/line.sh"),
  };
  return effectiveChanges([...folderChanges(folder, wanted), ...(line.change ? [line.change] : [])]);
}

/** The user's settings, with our status line. */
function settingsOf(world: World): SharedFile {
  const path = join(home(world), "settings.json");
  return {
    path,
    withOurs: (text) => withStatusLine(path, text, join(folderIn(world), "statusline", "line.sh"), LINE),
    withoutOurs(text, before) {
      const without = withoutStatusLine(path, text, before, LINE);
      return without === text ? text : withoutEmpty(path, without, UI, before);
    },
  };
}

function install(world: World, options: { statusLine?: boolean } = {}): number {
  return applyAll(plan(world, options), world);
}

/** The record and the manifest last: while they are there, the folder is known as ours. */
function planRemoval(world: World): FileChange[] {
  const folder = folderIn(world);
  if (!isOurs(folder)) return [];
  const last = [RECORD, MANIFEST];
  const names = filesBelow(folder).filter((name) => !last.includes(name));
  const ours = [...names, ...last.filter((name) => exists(join(folder, name)))];
  return effectiveChanges([
    unshare(settingsOf(world), recordIn(folder)?.settings),
    ...ours.map((name) => ({ path: join(folder, name), content: undefined })),
  ]);
}

/** Also the folders that install made. */
function uninstall(world: World): number {
  const changes = planRemoval(world);
  if (changes.length === 0) return 0;
  const folder = folderIn(world);
  const made = recordIn(folder)?.folders ?? [];
  applyAll(changes, world);
  removeEmpty([join(folder, "hooks"), join(folder, "statusline"), folder, ...made]);
  return changes.length;
}

export const qwenInstall: HostInstall = {
  name: qwen.name,
  title: qwen.title,
  tried: ["0.24.4"],
  folder: folderIn,
  found,
  isInstalled: (world) => isOurs(folderIn(world)),
  plan,
  planRemoval,
  install,
  uninstall,
};

/** Qwen Code runs `bash -c` itself: the command is one line for it, and its parent is the host. */
function hooks(script: string): Record<string, object[]> {
  const line = (command: string, args: string[]): string =>
    command === "bash"
      ? `set -- ${args.slice(4).map(shellWord).join(" ")}; ${args[2]}`
      : [command, ...args.map(shellWord)].join(" ");
  return Object.fromEntries(
    Object.entries(hooksOf(qwen, script)).map(([event, entries]) => [
      event,
      entries.map(({ hooks: all, ...entry }) => ({
        ...entry,
        hooks: all.map(({ command, args, timeout }) => ({
          type: "command",
          name: "cct",
          command: line(command, args),
          timeout,
          shell: "bash",
        })),
      })),
    ]),
  );
}

const isOurs = (folder: string): boolean => {
  try {
    return readObject(join(folder, MANIFEST)).name === "cct";
  } catch {
    return false;
  }
};

/** Without a record, or with one that is damaged, uninstall removes our entries and keeps the rest. */
function recordIn(folder: string): Found | undefined {
  try {
    const { folders, statusLine, settings } = readObject<Found>(join(folder, RECORD));
    return Array.isArray(folders)
      ? { folders, statusLine: statusLine !== false, ...(settings && { settings }) }
      : undefined;
  } catch {
    return undefined;
  }
}
