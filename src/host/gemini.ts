/**
 * Installs CCT into Gemini CLI: an extension, which is a folder of our own, and a policy. An extension may not allow its own tools, so
 * that the policy is a file among the user's.
 */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { gemini } from "../hosts/gemini.ts";
import { hooksOf } from "../hosts/hooks-file.ts";
import { scriptFor } from "../hosts/script.ts";
import { CctError } from "../platform/errors.ts";
import { readIfThere } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import { instructions } from "../rules/texts/instructions.ts";
import {
  applyAll,
  digest,
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
import { shellWord } from "./shell.ts";

const MANIFEST = "gemini-extension.json";
const RECORD = "cct-install.json";
/** The name is said in the manifest, so that an update of the host cannot look for another. */
const CONTEXT = "GEMINI.md";

/** What install found and wrote, beside the manifest. */
interface Found {
  /** Folders that were not there. */
  folders: string[];
  /** The digest of the policy. One that its user has changed is theirs. */
  policy: string;
}

type Place = Pick<World, "env" | "cwd">;

/** `~/.gemini`, or that in `$GEMINI_CLI_HOME`. */
const home = ({ env, cwd }: Place): string =>
  join(env.GEMINI_CLI_HOME ? resolve(cwd, env.GEMINI_CLI_HOME) : env.HOME || homedir(), ".gemini");

const folderIn = (world: Place): string => join(home(world), "extensions", "cct");
const policyIn = (world: Place): string => join(home(world), "policies", "cct.toml");

/** The user installs CCT so that its tools run; without it each send would ask. */
const POLICY = `# Claude Code Talk: its own tools run without asking. Written by \`cct install --host gemini\`, removed by \`cct uninstall\`.
[[rule]]
mcpName = "cct"
toolName = "*"
decision = "allow"
priority = 100
`;

const found = (world: Place): { version?: string } | undefined =>
  onPath(world, "gemini", "@google/gemini-cli") ?? (exists(home(world)) ? {} : undefined);

/** The manifest and the record first: with them an uninstall undoes the rest. */
function plan(world: World): FileChange[] {
  const folder = folderIn(world);
  const policy = policyIn(world);
  refuseLink(folder);
  if (filesBelow(folder).length > 0 && !isOurs(folder))
    throw new CctError("conflict", `${folder} exists and is not CCT's extension.`, "Move it away, then install again.");
  const known = recordIn(folder);
  const rules = readIfThere(policy);
  const isTheirs = rules !== undefined && rules !== POLICY && digest(rules) !== known?.policy;
  if (isTheirs && !known)
    throw new CctError("conflict", `${policy} exists and is not CCT's.`, "Move it away, then install again.");
  const server = {
    command: world.node,
    args: [join(world.root, "dist", "bin.js"), "mcp", "--host", gemini.name],
    // The context file gives the instructions.
    env: { CCT_HOOKS: "extension" },
  };
  const record: Found = {
    folders: known?.folders ?? [...new Set([...missingFolders(folder), ...missingFolders(dirname(policy))])],
    policy: digest(POLICY),
  };
  const wanted = {
    [MANIFEST]: json({
      name: "cct",
      version: world.version,
      description: "Claude Code Talk: mail between sessions",
      contextFileName: CONTEXT,
      mcpServers: { cct: server },
    }),
    [RECORD]: json(record),
    [CONTEXT]: `${instructions()}\n`,
    "hooks/hooks.json": json({ hooks: hooks(join(folder, "hooks", "mail.sh")) }),
    "hooks/mail.sh": scriptFor(readFileSync(join(world.root, "plugin/hooks/mail.sh"), "utf8"), gemini),
  };
  return effectiveChanges([...folderChanges(folder, wanted), ...(isTheirs ? [] : [{ path: policy, content: POLICY }])]);
}

/** The record and the manifest last: while they are there, the folder is known as ours. */
function planRemoval(world: World): FileChange[] {
  const folder = folderIn(world);
  if (!isOurs(folder)) return [];
  const last = [RECORD, MANIFEST];
  const names = filesBelow(folder).filter((name) => !last.includes(name));
  const ours = [...names, ...last.filter((name) => exists(join(folder, name)))].map((name) => join(folder, name));
  const rules = readIfThere(policyIn(world));
  const isOurRule = rules !== undefined && (rules === POLICY || digest(rules) === recordIn(folder)?.policy);
  return [...(isOurRule ? [policyIn(world)] : []), ...ours].map((path) => ({ path, content: undefined }));
}

export const geminiInstall: HostInstall = {
  name: gemini.name,
  title: gemini.title,
  tried: ["0.61.0"],
  limit: "Its sessions take mail at their next prompt; they cannot be woken",
  folder: folderIn,
  found,
  isInstalled: (world) => isOurs(folderIn(world)),
  plan,
  planRemoval,
  install: (world) => applyAll(plan(world), world),
  /** Also the folders that install made. */
  uninstall(world) {
    const folder = folderIn(world);
    const made = recordIn(folder)?.folders ?? [];
    const count = applyAll(planRemoval(world), world);
    if (count > 0) removeEmpty([join(folder, "hooks"), folder, ...made]);
    return count;
  },
};

const MS = 1_000;

/** Gemini CLI runs `bash -c` itself: the command is one line for it, and its parent is the host. */
function hooks(script: string): Record<string, object[]> {
  const line = (args: readonly string[]): string => `set -- ${args.slice(4).map(shellWord).join(" ")}; ${args[2]}`;
  return Object.fromEntries(
    Object.entries(hooksOf(gemini, script)).map(([event, entries]) => [
      event,
      entries.map(({ matcher, hooks: all }) => ({
        ...(matcher !== undefined && { matcher }),
        hooks: all.map(({ args, timeout }) => ({
          type: "command",
          name: "cct",
          command: line(args),
          timeout: timeout * MS,
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

/** Without a record, or with one that is damaged, uninstall leaves the folders that install made. */
function recordIn(folder: string): Found | undefined {
  try {
    const { folders, policy } = readObject(join(folder, RECORD));
    return Array.isArray(folders) ? { folders, policy: String(policy) } : undefined;
  } catch {
    return undefined;
  }
}
