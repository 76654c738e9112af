/** What the host leaves on disk about a session. Undocumented, so nothing depends on it. */
import { rmdirSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { readIfThere } from "../platform/home.ts";
import type { World } from "../platform/world.ts";
import type { Spool } from "./spool.ts";

/** The host writes its word a moment after it has changed, and a turn may be over at once: only what lasts counts. */
const SETTLED_MS = 2_000;

type Place = Pick<World, "env" | "ppid">;

/** What the host writes of its session, if it does. */
function hostNote(world: Place): { name?: unknown; nameSource?: unknown; status?: unknown; statusUpdatedAt?: unknown } {
  const folder = world.env.CLAUDE_CONFIG_DIR || join(world.env.HOME || homedir(), ".claude");
  try {
    return Object(JSON.parse(readIfThere(join(folder, "sessions", `${world.ppid}.json`)) ?? "{}"));
  } catch {
    return {};
  }
}

/** The name that the user gave the session (`--name`, `/rename`); one that the host derived from the folder is none. */
export function sessionName(world: Place): string | undefined {
  const note = hostNote(world);
  return note.nameSource === "user" && typeof note.name === "string" ? note.name : undefined;
}

/** What the host calls the states that hooks do not see begin or end. */
const OF_HOST: Readonly<Record<string, "active" | "idle" | "blocked">> = {
  idle: "idle",
  busy: "active",
  waiting: "blocked",
};

/**
 * No hook tells that the user pressed Escape, said no, or said yes to a tool that now runs for long; the host's own note
 * does. A hint only: it counts when it is younger than what the hooks said, and for a session that they said is at work.
 */
export function followHost(world: Place & Pick<World, "now">, spool: Spool): void {
  const said = spool.state();
  if (said !== "active" && said !== "blocked") return;
  const { status, statusUpdatedAt } = hostNote(world);
  const state = typeof status === "string" ? OF_HOST[status] : undefined;
  if (!state || state === said || typeof statusUpdatedAt !== "number") return;
  if (statusUpdatedAt < (spool.stateWrittenAt() ?? 0) || world.now() - statusUpdatedAt < SETTLED_MS) return;
  spool.overrideState(state);
}

/**
 * `cct uninstall` leaves an empty plugin folder while sessions run, because the host complains at every step without
 * one. The last session takes it away; a folder that holds anything stays.
 */
export function removeEmptyPlugin(world: Pick<World, "env">): void {
  const folder = world.env.CLAUDE_PLUGIN_ROOT;
  if (!folder || basename(folder) !== "cct") return;
  try {
    rmdirSync(folder);
  } catch {
    // Still installed, or gone: both are fine.
  }
}
