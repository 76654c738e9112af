/** Whether a person can still see the session of a host that lives on when its terminal is closed. */
import { closeSync, constants, openSync } from "node:fs";
import type { Host } from "../hosts/host.ts";
import type { World } from "../platform/world.ts";
import type { Spool } from "./spool.ts";

/** A turn that was interrupted tells no hook of its end, so that it seems to go on. */
const GIVE_UP_MS = 600_000;

/** The session server has the terminal of its host, until it is closed. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", constants.O_RDONLY | constants.O_NOCTTY | constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether the terminal was closed and the session rests: nobody will give it a prompt. A turn goes on, and so does a session that had
 * no terminal at its start.
 */
export function leftAlone(
  { steady }: Pick<World, "steady">,
  { outlivesTerminal }: Host,
  spool: Pick<Spool, "state">,
  look = hasTerminal,
): (() => boolean) | undefined {
  if (!outlivesTerminal || !look()) return undefined;
  let goneAt: number | undefined;
  return () => {
    if (look()) return false;
    goneAt ??= steady();
    return spool.state() !== "active" || steady() - goneAt > GIVE_UP_MS;
  };
}
