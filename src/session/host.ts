/** What the host leaves on disk about a session. Undocumented, so nothing depends on it. */
import { rmdirSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { readIfThere } from "../home.ts";
import type { World } from "../world.ts";

/** The name that the user gave the session (`--name`, `/rename`); one that the host derived from the folder is none. */
export function sessionName(world: Pick<World, "env" | "ppid">): string | undefined {
  const folder = world.env.CLAUDE_CONFIG_DIR || join(world.env.HOME || homedir(), ".claude");
  try {
    const file = JSON.parse(readIfThere(join(folder, "sessions", `${world.ppid}.json`)) ?? "{}");
    return file.nameSource === "user" && typeof file.name === "string" ? file.name : undefined;
  } catch {
    return undefined;
  }
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
