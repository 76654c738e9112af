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
import { readIfThere } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import { isOlder } from "../rules/versions.ts";
import { edit, parseObject } from "./classic.ts";
import { copilotExtension } from "./copilot-extension.ts";
import {
  apply,
  digest,
  effectiveChanges,
  exists,
  type FileChange,
  filesBelow,
  missingFolders,
  refuseLink,
  removeEmpty,
} from "./files.ts";
import type { HostInstall } from "./host-install.ts";
import { onPath } from "./on-path.ts";
import { shellWord } from "./shell.ts";
import { withoutStatusLine, withStatusLine } from "./statusline.ts";

const RECORD = "cct-install.json";
const SERVERS = "mcpServers";
const SERVER = "cct";

type Place = Pick<World, "env" | "cwd">;

/** The user's files with an entry of ours: how it comes in, and out again. */
interface Shared {
  name: string;
  /** Throws `CctError` where the file is no JSON. */
  withOurs(path: string, text: string): string;
  /** `before`: the file before the install, if it was there. */
  withoutOurs(path: string, text: string, before: string | undefined): string;
}

/** Of a shared file: its content before, `null` for none, and the digest of what install made of it. */
type Edited = Record<string, { before: string | null; after: string }>;

interface Found {
  /** Folders that were not there. */
  folders: string[];
  /** Whether the user wants a status line. */
  statusLine: boolean;
  edited: Edited;
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

const servers = (world: World): Shared => {
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
    name: "mcp-config.json",
    withOurs(path, text) {
      const now = Object(parseObject(path, text)[SERVERS])[SERVER];
      if (now !== undefined && !isOurs(now))
        throw new CctError(
          "conflict",
          `${path} has a server "${SERVER}" that is not CCT's.`,
          "Rename it, then install again.",
        );
      return isDeepStrictEqual(now, server) ? text : edit(text, [SERVERS, SERVER], server);
    },
    withoutOurs(path, text, before) {
      if (!isOurs(Object(parseObject(path, text)[SERVERS])[SERVER])) return text;
      return withoutEmpty(path, edit(text, [SERVERS, SERVER], undefined), before);
    },
  };
};

/** Also the object around our entry, unless it was there before. */
function withoutEmpty(path: string, text: string, before: string | undefined): string {
  const isEmpty = isDeepStrictEqual(Object(parseObject(path, text)[SERVERS]), {});
  const wasThere = before !== undefined && Object.hasOwn(parseObject(path, before), SERVERS);
  return isEmpty && !wasThere ? edit(text, [SERVERS], undefined) : text;
}

const line = (world: World): Shared => ({
  name: "settings.json",
  withOurs: (path, text) => withStatusLine(path, text, join(folderIn(world), "line.sh")),
  withoutOurs: (path, text, before) => withoutStatusLine(path, text, before),
});

/** What becomes of a shared file, and what to remember of it. */
function shares(
  world: World,
  shared: Shared,
  isWanted: boolean,
  known: Edited,
): { change?: FileChange; edited: Edited } {
  const path = join(copilotFolder(world), shared.name);
  const now = readIfThere(path);
  const { [shared.name]: was, ...others } = known;
  if (!isWanted) return { ...(was && { change: removal(world, shared, known) }), edited: others };
  const content = shared.withOurs(path, now ?? "{}\n");
  if (content === now || content === "{}\n") return { edited: known };
  const before = (was ? removal(world, shared, known).content : now) ?? null;
  return { change: { path, content }, edited: { ...known, [shared.name]: { before, after: digest(content) } } };
}

/** The file as it was, or without our entry where it was changed since. */
function removal(world: World, shared: Shared, known: Edited): FileChange {
  const path = join(copilotFolder(world), shared.name);
  const now = readIfThere(path);
  const { before, after } = known[shared.name] ?? {};
  if (now === undefined || digest(now) === after) return { path, content: now && (before ?? undefined) };
  const content = shared.withoutOurs(path, now, before ?? undefined);
  return { path, content: before === null && isDeepStrictEqual(parseObject(path, content), {}) ? undefined : content };
}

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
  const withServer = shares(world, servers(world), true, known?.edited ?? {});
  const withLine = lineChange(world, statusLine, withServer.edited);
  const record: Found = {
    folders: known?.folders ?? [...new Set([...missingFolders(folder), ...missingFolders(dirname(hooksIn(world)))])],
    statusLine,
    edited: withLine.edited,
  };
  const script = (name: string): string => scriptFor(readFileSync(join(world.root, "plugin", name), "utf8"), copilot);
  const wanted = {
    [RECORD]: json(record),
    "extension.mjs": copilotExtension,
    "line.sh": script("statusline/line.sh"),
    "mail.sh": script("hooks/mail.sh"),
  };
  const stale = filesBelow(folder).filter((name) => !Object.hasOwn(wanted, name));
  return effectiveChanges([
    ...Object.entries(wanted).map(([name, content]) => ({ path: join(folder, name), content })),
    ...stale.map((name) => ({ path: join(folder, name), content: undefined })),
    { path: hooksIn(world), content: json({ hooks: hooks(join(folder, "mail.sh")) }) },
    ...[withServer, withLine].flatMap(({ change }) => (change ? [change] : [])),
  ]);
}

/** Settings that are no JSON are left alone: CCT works without a status line. */
function lineChange(world: World, isWanted: boolean, known: Edited): { change?: FileChange; edited: Edited } {
  try {
    return shares(world, line(world), isWanted, known);
  } catch (error) {
    if (error instanceof CctError) return { edited: known };
    throw error;
  }
}

function install(world: World, options: { statusLine?: boolean } = {}): number {
  const changes = plan(world, options);
  for (const change of changes) apply(change, world.newId());
  return changes.length;
}

/** The record last: while it is there, the folder is known as ours. */
function planRemoval(world: World): FileChange[] {
  const folder = folderIn(world);
  const known = recordIn(folder);
  if (!known) return [];
  const shared = [servers(world), line(world)].filter(({ name }) => Object.hasOwn(known.edited, name));
  const ours = filesBelow(folder).filter((name) => name !== RECORD);
  return effectiveChanges([
    ...shared.flatMap((one) => removalOf(world, one, known.edited)),
    { path: hooksIn(world), content: undefined },
    ...[...ours, RECORD].map((name) => ({ path: join(folder, name), content: undefined })),
  ]);
}

/** A file that its user has broken since is left alone. */
function removalOf(world: World, shared: Shared, known: Edited): FileChange[] {
  try {
    return [removal(world, shared, known)];
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
  for (const change of changes) apply(change, world.newId());
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

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

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
    const { folders, statusLine, edited } = read(join(folder, RECORD));
    return Array.isArray(folders) ? { folders, statusLine: statusLine !== false, edited: Object(edited) } : undefined;
  } catch {
    return undefined;
  }
}

/** Throws when it is no JSON. */
const read = (path: string): Record<string, unknown> & Partial<Found> => Object(JSON.parse(readIfThere(path) ?? "{}"));
