/** Installs CCT into Qwen Code: an extension, which is a folder of our own, and a status line in the user's settings. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { hooksOf } from "../hosts/hooks-file.ts";
import { qwen } from "../hosts/qwen.ts";
import { scriptFor } from "../hosts/script.ts";
import { CctError } from "../platform/errors.ts";
import { readIfThere } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import { edit, parseObject } from "./classic.ts";
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
  /** The user's settings before, `null` for none, and the digest of what install made of them. */
  settings?: { before: string | null; after: string };
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
  const line = lineChange(world, statusLine, known);
  const settings = line?.settings ?? known?.settings;
  const record: Found = {
    folders: known?.folders ?? missingFolders(folder),
    statusLine,
    ...(settings && { settings }),
  };
  const wanted = {
    [MANIFEST]: json({ name: "cct", version: world.version, mcpServers: { cct: server } }),
    [RECORD]: json(record),
    "hooks/hooks.json": json({ hooks: hooks(join(folder, "hooks", "mail.sh")) }),
    "hooks/mail.sh": script("hooks/mail.sh"),
    "statusline/line.sh": script("statusline/line.sh"),
  };
  const stale = filesBelow(folder).filter((name) => !Object.hasOwn(wanted, name));
  return effectiveChanges([
    ...Object.entries(wanted).map(([name, content]) => ({ path: join(folder, name), content })),
    ...stale.map((name) => ({ path: join(folder, name), content: undefined })),
    ...(line?.changes ?? []),
  ]);
}

/** What becomes of the user's settings. Those that are no JSON are left alone: CCT works without a status line. */
function lineChange(
  world: World,
  isWanted: boolean,
  known: Found | undefined,
): { changes: FileChange[]; settings: Found["settings"] } | undefined {
  const path = join(home(world), "settings.json");
  const now = readIfThere(path);
  try {
    if (!isWanted) return { changes: lineRemoval(path, known), settings: undefined };
    const content = withStatusLine(path, now ?? "{}\n", join(folderIn(world), "statusline", "line.sh"), LINE);
    if (content === now || content === "{}\n") return undefined;
    const before = lineRemoval(path, known).find((one) => one.path === path);
    const settings = { before: (before ? before.content : now) ?? null, after: digest(content) };
    return { changes: [{ path, content }], settings };
  } catch (error) {
    if (error instanceof CctError) return undefined;
    throw error;
  }
}

/** The user's settings as they were, or without our line where they were changed since. */
function lineRemoval(path: string, known: Found | undefined): FileChange[] {
  const now = readIfThere(path);
  if (now === undefined) return [];
  const { before, after } = known?.settings ?? {};
  const content = digest(now) === after ? (before ?? undefined) : withoutLine(path, now, before ?? undefined);
  return content === now ? [] : [{ path, content }];
}

function withoutLine(path: string, now: string, before: string | undefined): string {
  const text = withoutStatusLine(path, now, before, LINE);
  const isEmpty = isDeepStrictEqual(Object(parseObject(path, text))[UI], {});
  const wasThere = before !== undefined && Object.hasOwn(parseObject(path, before), UI);
  return isEmpty && !wasThere && text !== now ? edit(text, [UI], undefined) : text;
}

function install(world: World, options: { statusLine?: boolean } = {}): number {
  const changes = plan(world, options);
  for (const change of changes) apply(change, world.newId());
  return changes.length;
}

/** The record and the manifest last: while they are there, the folder is known as ours. */
function planRemoval(world: World): FileChange[] {
  const folder = folderIn(world);
  if (!isOurs(folder)) return [];
  const last = [RECORD, MANIFEST];
  const names = filesBelow(folder).filter((name) => !last.includes(name));
  const ours = [...names, ...last.filter((name) => exists(join(folder, name)))];
  return [
    ...lineRemoval(join(home(world), "settings.json"), recordIn(folder)),
    ...ours.map((name) => ({ path: join(folder, name), content: undefined })),
  ];
}

/** Also the folders that install made. */
function uninstall(world: World): number {
  const changes = planRemoval(world);
  if (changes.length === 0) return 0;
  const folder = folderIn(world);
  const made = recordIn(folder)?.folders ?? [];
  for (const change of changes) apply(change, world.newId());
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

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

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
    return read(join(folder, MANIFEST)).name === "cct";
  } catch {
    return false;
  }
};

/** Without a record, or with one that is damaged, uninstall removes our entries and keeps the rest. */
function recordIn(folder: string): Found | undefined {
  try {
    const { folders, statusLine, settings } = read(join(folder, RECORD));
    return Array.isArray(folders)
      ? { folders, statusLine: statusLine !== false, ...(settings && { settings }) }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Throws when it is no JSON. */
const read = (path: string): Record<string, unknown> & Partial<Found> => Object(JSON.parse(readIfThere(path) ?? "{}"));
