/** Installs CCT into Qwen Code: an extension of our own, a folder that nothing else uses, so that uninstall leaves no trace. */
import { readFileSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import { hooksOf } from "../hosts/hooks-file.ts";
import { qwen } from "../hosts/qwen.ts";
import { mailScript } from "../hosts/script.ts";
import { CctError } from "../platform/errors.ts";
import { readIfThere } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import {
  apply,
  effectiveChanges,
  exists,
  type FileChange,
  filesBelow,
  missingFolders,
  refuseLink,
  removeEmpty,
} from "./files.ts";
import type { HostInstall } from "./installs.ts";
import { shellWord } from "./shell.ts";

const PACKAGE = "@qwen-code/qwen-code";
const MANIFEST = "qwen-extension.json";
/** In the manifest: folders that were not there before. */
const MADE = "cctMadeFolders";

type Place = Pick<World, "env" | "cwd">;

/** `~/.qwen`, or `$QWEN_HOME`. */
const home = ({ env, cwd }: Place): string =>
  env.QWEN_HOME ? resolve(cwd, env.QWEN_HOME) : join(env.HOME || homedir(), ".qwen");

const folderIn = (world: Place): string => join(home(world), "extensions", "cct");

/** The package of the `qwen` on PATH says its version. To ask the program itself would take a second. */
function found(world: Place): { version?: string } | undefined {
  const [program] = (world.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, "qwen"))
    .filter(exists);
  if (program === undefined) return exists(home(world)) ? {} : undefined;
  try {
    const { name, version } = Object(JSON.parse(readFileSync(join(dirname(realpathSync(program)), "package.json"), "utf8")));
    return name === PACKAGE && typeof version === "string" ? { version } : {};
  } catch {
    return {};
  }
}

/** The manifest first. */
function plan(world: World): FileChange[] {
  const folder = folderIn(world);
  refuseLink(folder);
  if (filesBelow(folder).length > 0 && !isOurs(folder))
    throw new CctError("conflict", `${folder} exists and is not CCT's extension.`, "Move it away, then install again.");
  const script = join(folder, "hooks", "mail.sh");
  const body = readFileSync(join(world.root, "plugin", "hooks", "mail.sh"), "utf8");
  const server = {
    command: world.node,
    args: [join(world.root, "dist", "bin.js"), "mcp", "--host", qwen.name],
    // Its hooks give the instructions.
    env: { CCT_HOOKS: "extension" },
    // Its tools need no permission.
    trust: true,
  };
  const wanted = {
    [MANIFEST]: json({ name: "cct", version: world.version, mcpServers: { cct: server }, [MADE]: madeFolders(folder) }),
    "hooks/hooks.json": json({ hooks: hooks(script) }),
    "hooks/mail.sh": mailScript(body, qwen),
  };
  const stale = filesBelow(folder).filter((name) => !Object.hasOwn(wanted, name));
  return effectiveChanges([
    ...Object.entries(wanted).map(([name, content]) => ({ path: join(folder, name), content })),
    ...stale.map((name) => ({ path: join(folder, name), content: undefined })),
  ]);
}

function install(world: World): number {
  const changes = plan(world);
  for (const change of changes) apply(change, world.newId());
  return changes.length;
}

/** The manifest last: while it is there, the folder is known as ours. */
function planRemoval(world: World): FileChange[] {
  const folder = folderIn(world);
  if (!isOurs(folder)) return [];
  const names = filesBelow(folder).filter((name) => name !== MANIFEST);
  return [...names, MANIFEST].map((name) => ({ path: join(folder, name), content: undefined }));
}

/** Also the folders that install made. */
function uninstall(world: World): number {
  const changes = planRemoval(world);
  if (changes.length === 0) return 0;
  const folder = folderIn(world);
  const made = madeFolders(folder);
  for (const change of changes) apply(change, world.newId());
  removeEmpty([join(folder, "hooks"), folder, ...made]);
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

/** The folders that the install had to make, or would have to. */
function madeFolders(folder: string): string[] {
  const { [MADE]: made } = manifestIn(folder);
  return Array.isArray(made) ? made.filter((one) => typeof one === "string") : missingFolders(folder);
}

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

const isOurs = (folder: string): boolean => manifestIn(folder).name === "cct";

function manifestIn(folder: string): { name?: unknown; [MADE]?: unknown } {
  try {
    return Object(JSON.parse(readIfThere(join(folder, MANIFEST)) ?? "{}"));
  } catch {
    return {};
  }
}
