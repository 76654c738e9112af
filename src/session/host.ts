/** What the host notes about a session of its own. That is undocumented, so it only adds to what hooks report. */
import { rmdirSync } from "node:fs";
import type { Host, Place } from "../hosts/host.ts";
import type { World } from "../platform/world.ts";
import type { Spool } from "./spool.ts";

/** The host writes its status late, and a turn may be short: a status counts once it is this old. */
const SETTLED_MS = 2_000;

/** The name that the user gave the session. Names that the host derived from the folder do not count. */
export function sessionName(place: Place, host: Host): string | undefined {
  const { name, isUsers } = host.note?.(place) ?? {};
  return isUsers ? name : undefined;
}

/** What the host calls the session in its own messaging. */
export const nativeName = (place: Place, host: Host): string | undefined => host.note?.(place).name?.slice(0, 200);

/**
 * Corrects the state where no hook runs: after Escape, after a permission was denied, and while a permitted tool runs. The
 * host's status counts only if it is newer than the hooks' state, and only for a session that works or waits for permission.
 */
export function followHost(world: Place & Pick<World, "now">, host: Host, spool: Spool): void {
  const reported = spool.state();
  if (reported !== "active" && reported !== "blocked") return;
  const { state, stateAt } = host.note?.(world) ?? {};
  if (!state || state === reported || stateAt === undefined) return;
  const age = world.now() - stateAt;
  // A status of the future was written before the clock was set back.
  const isNew = age >= 0 && age < SETTLED_MS;
  if (stateAt < (spool.stateWrittenAt() ?? 0) || isNew) return;
  spool.overrideState(state);
}

/**
 * Removes the folder that `cct uninstall` leaves while sessions run, because the host reports an error at every step without
 * one, if it is empty.
 */
export function removeLeftFolder({ env }: Pick<World, "env">, host: Host): void {
  const folder = host.leftFolder?.(env);
  if (!folder) return;
  try {
    rmdirSync(folder);
  } catch {
    // Not empty, or gone already.
  }
}
