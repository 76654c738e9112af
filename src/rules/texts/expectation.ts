/** What a sender may expect of a message: when this recipient gets it, from what is known of the recipient now. */
import { asksForMail, isClaude } from "../agents.ts";
import type { DeliveryState, Urgency } from "../delivery.ts";
import { isPerson } from "../names.ts";
import { busyUntil, type Hooks, isBusy, isUnheard, type Presence, presenceOf, type Session } from "../presence.ts";
import { quoted, span } from "../text.ts";

/** A recipient as others see it, as far as it matters when it gets mail. */
export interface Seen {
  name: string;
  presence: Presence;
  last_seen: number;
  /** It missed two heartbeats. */
  isUnheard?: boolean;
  /** A busy signal is in effect. */
  isBusy: boolean;
  busy_reason?: string | null | undefined;
  /** When it expects to be ready. One that says so asks for quiet, so that it gets only interrupts. */
  busy_until?: number | undefined;
  hooks: Hooks;
  polls?: boolean;
  wakes: boolean;
  midturn: boolean;
  agent: string;
  took_at: number | null;
}

type Recipient = Session &
  Pick<Seen, "name" | "hooks" | "wakes" | "midturn" | "agent" | "took_at"> & { polls: boolean };

export const asSeen = (peer: Recipient, now: number): Seen => ({
  name: peer.name,
  presence: presenceOf(peer, now),
  last_seen: peer.last_seen,
  isUnheard: isUnheard(peer, now),
  isBusy: isBusy(peer, now),
  busy_reason: peer.busy_reason,
  busy_until: busyUntil(peer, now),
  hooks: peer.hooks,
  polls: peer.polls,
  wakes: peer.wakes,
  midturn: peer.midturn,
  agent: peer.agent,
  took_at: peer.took_at,
});

/**
 * Stands beside the recipient's name, as in `queued for api: idle and will be woken`, so it does not say the name again.
 * `canWake`: mail may wake it.
 */
export function expectation(
  peer: Seen,
  state: DeliveryState,
  urgency: Urgency,
  now: number,
  canWake: boolean,
): string | undefined {
  if (isPerson(peer.name)) return "a person, who finds it with: cct inbox";
  if (state === "held") return "it holds such mail until the operator releases it";
  if (state === "refused") return "it refuses such mail";
  if (peer.presence === "offline") return `offline for ${span(now - peer.last_seen)}; kept until it is back`;
  if (peer.polls) return "it polls for mail about once a minute";
  if (peer.hooks === "unwritable")
    return "its machine cannot write mail now (its disk may be full); kept until that works, or until it calls cct_check_messages";
  if (peer.hooks === "unserved") return "its session server is gone or cannot reach the broker; kept until it is back";
  if (peer.isUnheard)
    return `last heard ${Math.round((now - peer.last_seen) / 1000)} s ago, it may be gone; kept until it is back`;
  const limited = ofLimited(peer, urgency, now);
  if (limited !== undefined) return `${peer.agent}: ${limited}`;
  if (peer.hooks === "quiet") return whileQuiet(peer, now);
  if (peer.isBusy) return whileBusy(peer, urgency, now);
  if (peer.presence === "blocked") return "waits for its user's permission and gets it after that";
  if (peer.presence === "active") return "working, and gets it at its next tool call";
  if (urgency === "low") return "idle, and gets it at its next turn (low urgency never wakes)";
  if (!canWake && urgency !== "interrupt")
    return "reached its limit of wakes per hour, and gets it at its next turn, or when the hour is over";
  if (!peer.wakes) return "idle and cannot be woken; gets it with its next tool call or prompt, if there is one";
  return "idle and will be woken";
}

function whileQuiet({ took_at }: Seen, now: number): string {
  const took = took_at === null ? "it has taken no mail yet" : `last took mail ${span(now - took_at)} ago`;
  return `no live hook: ${took}; gets it when it calls cct_check_messages`;
}

/** `left`: absent for a long command, which says nothing of that. */
function busyWords({ busy_reason, busy_until }: Seen, now: number): { busy: string; left: string | undefined } {
  const busy = `busy with ${quoted(busy_reason ?? "something")}`;
  if (busy_until === undefined) return { busy, left: undefined };
  return { busy, left: busy_until > now ? `about ${span(busy_until - now)} left` : "longer than estimated" };
}

function whileBusy(peer: Seen, urgency: Urgency, now: number): string {
  const { busy, left } = busyWords(peer, now);
  if (left === undefined) return `${busy}, and gets it after that`;
  if (urgency === "interrupt") return `${busy}, ${left}; an interrupt goes through`;
  return `${busy}, ${left}, and gets it when it is ready`;
}

/** Of an agent that cannot do with mail what Claude Code can, where that makes a difference. */
function ofLimited(peer: Seen, urgency: Urgency, now: number): string | undefined {
  const { agent, presence, hooks, wakes, midturn } = peer;
  if (isClaude(agent) || (wakes && midturn)) return undefined;
  if (asksForMail(peer)) return "takes mail when it asks";
  if (hooks === "quiet") return undefined;
  if (peer.isBusy) return ofLimitedBusy(peer, urgency, now);
  if (presence === "idle") return wakes ? undefined : "takes mail at its next prompt; cannot be woken";
  if (midturn) return undefined;
  return `${presence === "blocked" ? "waits for its user's permission; " : ""}takes mail when its turn ends`;
}

/** It may have said that it is busy and ended its turn, so that both moments count. */
function ofLimitedBusy(peer: Seen, urgency: Urgency, now: number): string | undefined {
  const { busy, left } = busyWords(peer, now);
  const { midturn } = peer;
  if (left === undefined) return midturn ? undefined : `${busy}; takes mail when its turn ends`;
  const when = midturn ? "while it works or at its next prompt" : "between its turns";
  return `${busy}, ${left}; takes ${urgency === "interrupt" ? "an interrupt" : "mail after that,"} ${when}`;
}
