/** What a person may expect of a message before sending it, from the rows that people see. */
import { type Abilities, asksForMail, CLAUDE } from "../agents.ts";
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
  midturn?: boolean | undefined;
  agent?: string | undefined;
  took_at?: number | undefined;
}

/** For one session, in the words of the answer to a send. */
export function expectedOf(peer: PeerRow, urgency: Urgency, now: number): string {
  const { name, presence, last_seen, busy_reason, busy_until, took_at = null } = peer;
  const { agent = CLAUDE, hooks = "live", wakes = true, midturn = true } = peer;
  const isBusy = presence === "busy" || busy_reason !== undefined;
  const seen = { name, presence, last_seen, isBusy, busy_reason, busy_until, agent, hooks, wakes, midturn, took_at };
  return `${name}: ${expectation(seen, "queued", urgency, now, true)}`;
}

/** When a member of a pool gets a message: of one, and of several. */
const MOMENTS = {
  woken: ["is woken", "are woken"],
  prompt: ["at its next prompt", "at their next prompt"],
  working: ["sees it while working", "see it while working"],
  turnEnd: ["when its turn ends", "when their turns end"],
  asking: ["when it asks", "when they ask"],
  back: ["when back", "when back"],
} as const;

type Member = Abilities & Pick<PeerRow, "presence">;

function momentOf(member: Member, urgency: Urgency): keyof typeof MOMENTS | undefined {
  if (member.presence === "offline") return "back";
  if (asksForMail(member)) return "asking";
  if (member.presence !== "idle") return member.midturn === false ? "turnEnd" : "working";
  if (urgency === "low") return undefined;
  return member.wakes === false ? "prompt" : "woken";
}

/** For a pool. `members`: those that are known here. */
export function expectedOfPool(
  pool: { name: string; size: number; paused?: unknown },
  members: readonly Member[],
  urgency: Urgency,
): string {
  if (pool.paused) return `@${pool.name} is paused: what sessions say in it is held, what you say is not`;
  const moments = members.map((member) => momentOf(member, urgency));
  const parts = Object.entries(MOMENTS).flatMap(([moment, [ofOne, ofMany]]) => {
    const count = moments.filter((one) => one === moment).length;
    return count === 0 ? [] : [`${count} ${count === 1 ? ofOne : ofMany}`];
  });
  const start = pool.size === 1 ? "1 member gets it" : `${pool.size} members get it`;
  return parts.length === 0 ? start : `${start}: ${parts.join(", ")}`;
}
