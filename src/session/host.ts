/** Files that the host writes about a session. They are undocumented, so they only add to what hooks report. */
import { rmdirSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { readIfThere } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import { atLeast, WAKES_SINCE } from "../rules/versions.ts";
import type { Spool } from "./spool.ts";

/** The host writes its status late, and a turn may be short: a status counts once it is this old. */
const SETTLED_MS = 2_000;

type Host = Pick<World, "env" | "ppid">;

/** `sessions/<pid>.json` in the host's folder, if there is one. */
function readHostFile(world: Host): {
  name?: unknown;
  nameSource?: unknown;
  status?: unknown;
  statusUpdatedAt?: unknown;
} {
  const folder = world.env.CLAUDE_CONFIG_DIR || join(world.env.HOME || homedir(), ".claude");
  try {
    return Object(JSON.parse(readIfThere(join(folder, "sessions", `${world.ppid}.json`)) ?? "{}"));
  } catch {
    return {};
  }
}

/** The name that the user gave the session (`--name`, `/rename`). Names that the host derived from the folder do not count. */
export function sessionName(world: Host): string | undefined {
  const note = readHostFile(world);
  return note.nameSource === "user" && typeof note.name === "string" ? note.name : undefined;
}

/** What the host calls the session in its own messaging. */
export function nativeName(world: Host): string | undefined {
  const { name } = readHostFile(world);
  return typeof name === "string" ? name.slice(0, 200) : undefined;
}

/** The states by the host's words. */
const stateOf: Readonly<Record<string, "active" | "idle" | "blocked">> = {
  idle: "idle",
  busy: "active",
  waiting: "blocked",
};

/**
 * Corrects the state where no hook runs: after Escape, after a permission was denied, and while a permitted tool runs. The
 * host's status counts only if it is newer than the hooks' state, and only for a session that works or waits for permission.
 */
export function followHost(world: Host & Pick<World, "now">, spool: Spool): void {
  const reported = spool.state();
  if (reported !== "active" && reported !== "blocked") return;
  const { status, statusUpdatedAt } = readHostFile(world);
  const state = typeof status === "string" ? stateOf[status] : undefined;
  if (!state || state === reported || typeof statusUpdatedAt !== "number") return;
  const age = world.now() - statusUpdatedAt;
  // A status of the future was written before the clock was set back.
  const isNew = age >= 0 && age < SETTLED_MS;
  if (statusUpdatedAt < (spool.stateWrittenAt() ?? 0) || isNew) return;
  spool.overrideState(state);
}

/**
 * Removes the plugin folder if it is empty: `cct uninstall` leaves it while sessions run, because the host reports an error
 * at every step without one.
 */
export function removeEmptyPlugin(world: Pick<World, "env">): void {
  const folder = world.env.CLAUDE_PLUGIN_ROOT;
  if (!folder || basename(folder) !== "cct") return;
  try {
    rmdirSync(folder);
  } catch {
    // Not empty, or gone already.
  }
}

/**
 * Whether nobody attends the session: `claude -p`, or a program with the SDK. The host sets the variable anew for each
 * process, unlike others, which a session that was started inside of another one inherits.
 */
export const isUnattended = ({ env }: Pick<World, "env">): boolean =>
  env.CLAUDE_CODE_ENTRYPOINT?.startsWith("sdk-") ?? false;

/** How the host introduced itself in the handshake. */
export interface ClientInfo {
  name?: unknown;
  version?: unknown;
}

/** Whether mail can wake the session when it is idle. Of a host that is not known it is believed until its hooks are quiet. */
export function canBeWoken(world: Pick<World, "env">, { name, version }: ClientInfo): boolean {
  if (isUnattended(world)) return false;
  return name !== "claude-code" || typeof version !== "string" || atLeast(version, WAKES_SINCE);
}

/** Whether nothing continues the session after its process has ended: `claude -p`. A program may resume a session of the SDK at any time. */
export const endsForGood = ({ env }: Pick<World, "env">): boolean => env.CLAUDE_CODE_ENTRYPOINT === "sdk-cli";
