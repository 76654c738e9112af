/** How many sessions a message meets, and what is asked before it is sent. */
import type { Urgency } from "../delivery.ts";
import type { Presence } from "../presence.ts";

/** From so many sessions on, an interrupt is asked about first. */
const MANY = 6;

/** As far as this is known here. An address that means nobody here counts as one: the broker decides. */
export function reachOf(
  address: string,
  peers: Iterable<{ presence: Presence }>,
  pools: readonly { pool_id: string; name: string; size: number }[],
): number {
  const to = address.trim().toLowerCase();
  if (to === "@all") return [...peers].filter(({ presence }) => presence !== "offline").length;
  if (!to.startsWith("@") || to.includes("/") || to === "@") return 1;
  const ref = to.slice(1);
  const found =
    pools.find(({ name }) => name.toLowerCase() === ref) ?? pools.find(({ pool_id }) => pool_id.startsWith(ref));
  return found?.size ?? 1;
}

/** Whether to ask first: it stops the next tool call of many sessions. */
export const interruptsMany = (urgency: Urgency, reach: number): boolean => urgency === "interrupt" && reach >= MANY;
