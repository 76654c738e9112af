/**
 * Installs CCT into Copilot CLI: a folder of our own with an extension (which runs where the user has turned extensions on), a file of
 * hooks, and an entry in each of two of the user's files, the servers and the status line.
 */
import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { copilot, copilotFolder, ownTools } from "../hosts/copilot.ts";
import { hooksOf } from "../hosts/hooks-file.ts";
import { scriptFor } from "../hosts/script.ts";
import { CctError } from "../platform/errors.ts";
import type { World } from "../platform/world.ts";
import { isOlder } from "../rules/versions.ts";
import { edit, parseObject } from "./classic.ts";
import { copilotExtension } from "./copilot-extension.ts";
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
import { type Edited, type SharedFile, share, shareIfReadable, unshare, withoutEmpty } from "./shared-file.ts";
import { shellWord } from "./shell.ts";
import { withoutStatusLine, withStatusLine } from "./statusline.ts";

const RECORD = "cct-install.json";
const SERVERS = "mcpServers";
const SERVER = "cct";
/** The user's files with an entry of ours. */
const SERVERS_FILE = "mcp-config.json";
const LINE_FILE = "settings.json";

type Place = Pick<World, "env" | "cwd">;

interface Found {
  /** Folders that were not there. */
  folders: string[];
  /** Whether the user wants a status line. */
  statusLine: boolean;
  /** What is remembered of the user's files, by name. */
  edited: Record<string, Edited>;
}

const folderIn = (world: Place): string => join(copilotFolder(world), "extensions", "cct");
const hooksIn = (world: Place): string => join(copilotFolder(world), "hooks", "cct.json");

/** It also loads newer versions than the one of its package by itself. */
function found(world: Place): { version?: string } | undefined {
  const program = onPath(world, "copilot", "@github/copilot");
  if (program === undefined) return exists(copilotFolder(world)) ? {} : undefined;
  const versions = [program.version, ...loaded(world)].filter((one) => one !== undefined);
  const [newest] = versions.sort((a, b) => (isOlder(a, b) ? 1 : -1));
  return newest === undefined ? {} : { version: newest };
}

function loaded({ env }: Place): string[] {
  const cache = join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "copilot", "pkg");
  try {
    return readdirSync(cache)
      .flatMap((system) => readdirSync(join(cache, system)))
      .filter((name) => /^\d+\.\d+\.\d+$/.test(name));
  } catch {
    return [];
  }
}

const servers = (world: World): SharedFile => {
  const path = join(copilotFolder(world), SERVERS_FILE);
  const server = {
    type: "local",
    command: world.node,
    args: [join(world.root, "dist", "bin.js"), "mcp", "--host", copilot.name],
    // Its hooks give the instructions.
    env: { CCT_HOOKS: "extension" },
    tools: ["*"],
  };
  const isOurs = (one: unknown): boolean => {
    const { args } = Object(one);
    return Array.isArray(args) && isDeepStrictEqual(args.slice(-2), ["--host", copilot.name]);
  };
  return {
    path,
    withOurs(text) {
      const now = Object(parseObject(path, text)[SERVERS])[SERVER];
      if (now !== undefined && !isOurs(now))
        throw new CctError(
          "conflict",
          `${path} has a server "${SERVER}" that is not CCT's.`,
          "Rename it, then install again.",
        );
      return isDeepStrictEqual(now, server) ? text : edit(text, [SERVERS, SERVER], server);
    },
    withoutOurs(text, before) {
      if (!isOurs(Object(parseObject(path, text)[SERVERS])[SERVER])) return text;
      return withoutEmpty(path, edit(text, [SERVERS, SERVER], undefined), SERVERS, before);
    },
  };
};

const line = (world: World): SharedFile => {
  const path = join(copilotFolder(world), LINE_FILE);
  return {
    path,
    withOurs: (text) => withStatusLine(path, text, join(folderIn(world), "line.sh")),
    withoutOurs: (text, before) => withoutStatusLine(path, text, before),
  };
};

/** The record first: with it an uninstall undoes the rest. */
function plan(world: World, options: { statusLine?: boolean } = {}): FileChange[] {
  const folder = folderIn(world);
  refuseLink(folder);
  if (filesBelow(folder).length > 0 && !recordIn(folder))
    throw new CctError("conflict", `${folder} exists and is not CCT's.`, "Move it away, then install again.");
  if (exists(hooksIn(world)) && !recordIn(folder))
    throw new CctError("conflict", `${hooksIn(world)} exists and is not CCT's.`, "Move it away, then install again.");
  const known = recordIn(folder);
  const statusLine = options.statusLine ?? known?.statusLine ?? true;
  const withServer = share(servers(world), true, known?.edited[SERVERS_FILE]);
  const withLine = shareIfReadable(line(world), statusLine, known?.edited[LINE_FILE]);
  const record: Found = {
    folders: known?.folders ?? [...new Set([...missingFolders(folder), ...missingFolders(dirname(hooksIn(world)))])],
    statusLine,
    edited: {
      ...(withServer.edited && { [SERVERS_FILE]: withServer.edited }),
      ...(withLine.edited && { [LINE_FILE]: withLine.edited }),
    },
  };
  const script = (name: string): string => scriptFor(readFileSync(join(world.root, "plugin", name), "utf8"), copilot);
  const wanted = {
    [RECORD]: json(record),
    "extension.mjs": copilotExtension,
    "line.sh": script("statusline/line.sh"),
    "mail.sh": script("hooks/mail.sh"),
  };
  return effectiveChanges([
    ...folderChanges(folder, wanted),
    { path: hooksIn(world), content: json({ hooks: hooks(join(folder, "mail.sh")) }) },
    ...[withServer, withLine].flatMap(({ change }) => (change ? [change] : [])),
  ]);
}

function install(world: World, options: { statusLine?: boolean } = {}): number {
  return applyAll(plan(world, options), world);
}

/** The record last: while it is there, the folder is known as ours. */
function planRemoval(world: World): FileChange[] {
  const folder = folderIn(world);
  const known = recordIn(folder);
  if (!known) return [];
  const shared = { [SERVERS_FILE]: servers(world), [LINE_FILE]: line(world) };
  const ours = filesBelow(folder).filter((name) => name !== RECORD);
  return effectiveChanges([
    ...Object.entries(shared).flatMap(([name, file]) => removalOf(file, known.edited[name])),
    { path: hooksIn(world), content: undefined },
    ...[...ours, RECORD].map((name) => ({ path: join(folder, name), content: undefined })),
  ]);
}

/** A file that its user has broken since is left alone. */
function removalOf(file: SharedFile, known: Edited | undefined): FileChange[] {
  if (!known) return [];
  try {
    return [unshare(file, known)];
  } catch (error) {
    if (error instanceof CctError) return [];
    throw error;
  }
}

/** Also the folders that install made. */
function uninstall(world: World): number {
  const changes = planRemoval(world);
  if (changes.length === 0) return 0;
  const folder = folderIn(world);
  const made = recordIn(folder)?.folders ?? [];
  applyAll(changes, world);
  removeEmpty([folder, ...made]);
  return changes.length;
}

export const copilotInstall: HostInstall = {
  name: copilot.name,
  title: copilot.title,
  tried: ["1.0.102"],
  folder: folderIn,
  found,
  isInstalled: (world) => recordIn(folderIn(world)) !== undefined,
  plan,
  planRemoval,
  install,
  uninstall,
};

/** It runs each command with a shell, which gives way to bash: the host stays its parent. */
function hooks(script: string): Record<string, object[]> {
  const entry = (command: string, args: readonly string[], timeout: number): object => ({
    type: "command",
    command: ["exec", command, ...args.map(shellWord)].join(" "),
    timeout,
  });
  const all = Object.entries(hooksOf(copilot, script)).map(([event, entries]) => [
    event,
    entries.map(({ hooks: list, ...rest }) => ({
      ...(rest.matcher?.startsWith("^(?!") ? {} : rest),
      hooks: list.map(({ command, args, timeout }) => entry(command, args, timeout)),
    })),
  ]);
  const { matcher, answer } = ownTools;
  const leave = {
    matcher,
    hooks: [{ type: "command", command: `printf %s ${shellWord(JSON.stringify(answer))}`, timeout: 10 }],
  };
  return { ...Object.fromEntries(all), PermissionRequest: [leave] };
}

function recordIn(folder: string): Found | undefined {
  try {
    const { folders, statusLine, edited } = readObject<Found>(join(folder, RECORD));
    return Array.isArray(folders) ? { folders, statusLine: statusLine !== false, edited: Object(edited) } : undefined;
  } catch {
    return undefined;
  }
}
