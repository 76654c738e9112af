/** Beside a session's presence in lists: what mail cannot do with it now, in few words. */
import { type Abilities, asksForMail } from "../agents.ts";
import type { Presence } from "../presence.ts";

/** `undefined`: nothing, or something is wrong with it that has words of its own. */
export function limitOf(peer: Abilities & { presence: Presence }): string | undefined {
  const { presence, hooks = "live", wakes, midturn } = peer;
  if (presence === "offline") return undefined;
  if (asksForMail(peer)) return ", takes mail when it asks";
  if (hooks !== "live") return undefined;
  if (presence === "idle") return wakes === false ? ", cannot be woken" : undefined;
  return midturn === false ? ", takes mail when its turn ends" : undefined;
}

/** The same of a session at any time, as `cct doctor` says it. */
export function abilitiesOf(peer: Abilities): string {
  const { hooks = "live", wakes = true, midturn = true } = peer;
  if (asksForMail(peer)) return "takes mail when it asks";
  if (hooks !== "live") return "does not take mail by itself now";
  if (!midturn) return "takes mail when its turn ends, and is woken";
  return wakes
    ? "takes mail while it works, and is woken"
    : "takes mail while it works and at its next prompt; cannot be woken";
}
