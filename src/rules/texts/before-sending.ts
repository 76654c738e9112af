/** What a person may expect of a message before sending it, from the rows that people see. */
import type { Urgency } from "../delivery.ts";
import type { Hooks, Presence } from "../presence.ts";
import { expectation } from "./expectation.ts";

/** A row of `overview`. */
interface PeerRow {
  name: string;
  presence: Presence;
  last_seen: number;
  busy_reason?: string | undefined;
  busy_until?: number | undefined;
  hooks?: Hooks | undefined;
  wakes?: boolean | undefined;
  took_at?: number | undefined;
}

/** For one session, in the words of the answer to a send. */
export function expectedOf(peer: PeerRow, urgency: Urgency, now: number): string {
  const { name, presence, last_seen, busy_reason, busy_until, hooks = "live", wakes = true, took_at = null } = peer;
  const isBusy = presence === "busy" || busy_reason !== undefined;
  const seen = { name, presence, last_seen, isBusy, busy_reason, busy_until, hooks, wakes, took_at };
  return `${name}: ${expectation(seen, "queued", urgency, now, true)}`;
}

/** For a pool. `members`: those that are known here. */
export function expectedOfPool(
  pool: { name: string; size: number; paused?: unknown },
  members: readonly Pick<PeerRow, "presence">[],
  urgency: Urgency,
): string {
  if (pool.paused) return `@${pool.name} is paused: what sessions say in it is held, what you say is not`;
  const count = (...presences: Presence[]): number => members.filter((one) => presences.includes(one.presence)).length;
  const idle = count("idle");
  const working = count("active", "busy", "blocked");
  const away = count("offline");
  const parts = [
    idle > 0 && urgency !== "low" ? `${idle} ${idle === 1 ? "is" : "are"} woken` : "",
    working > 0 ? `${working} ${working === 1 ? "sees" : "see"} it while working` : "",
    away > 0 ? `${away} when back` : "",
  ].filter(Boolean);
  const start = pool.size === 1 ? "1 member gets it" : `${pool.size} members get it`;
  return parts.length === 0 ? start : `${start}: ${parts.join(", ")}`;
}
