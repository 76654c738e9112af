/** Presence, busy signals, and the timeouts of leases, sessions and names. All times are integer milliseconds. */

/** Lease of a claim, renewed by heartbeats. */
export const LEASE_MS = 30_000;
/** The interval of heartbeats, unless the broker tells another. */
export const BEAT_MS = 10_000;
/** A session that is silent for longer than its interval by this much is offline. */
const SILENCE_MS = 35_000;
/** No session is offline before this time: a first filter for the sweep. */
export const OFFLINE_AFTER_MS = BEAT_MS + SILENCE_MS;
/** An offline peer is listed for this long. For at least as long no session of another machine can get its name. */
export const NAME_HOLD_MS = 24 * 3_600_000;

/** The presence that a session reports, from its hooks. `blocked`: its host is asking the user for permission. */
export const reportedPresences = ["active", "idle", "blocked", "offline"] as const;
type ReportedPresence = (typeof reportedPresences)[number];

/** The presence that others see, computed by `presenceOf`. */
export const presences = ["active", "idle", "busy", "blocked", "offline"] as const;
export type Presence = (typeof presences)[number];

/**
 * Whether a session's hooks work, as it reports: `quiet` if none ran, or none took waiting mail; `unwritable` if its machine
 * cannot write the mail for them, so that it waits at the broker.
 */
export const reportedHooks = ["live", "quiet", "unwritable"] as const;
export type ReportedHooks = (typeof reportedHooks)[number];
/** `unserved`: its session server, which fetches the mail, has ended or cannot reach the broker, which finds that out. */
export const hooksStates = [...reportedHooks, "unserved"] as const;
export type Hooks = (typeof hooksStates)[number];

/** A busy signal. `busy_for`: the peer's own estimate in milliseconds; `null`: a long command of unknown duration. */
export interface Busy {
  busy_reason: string | null;
  busy_since: number | null;
  busy_for: number | null;
}

export const NOT_BUSY: Busy = { busy_reason: null, busy_since: null, busy_for: null };

export interface Session extends Busy {
  /** Machine and pid of the current host process, or of the last one. */
  host: string;
  host_pid: number;
  last_seen: number;
  /** As last reported by the session; `offline` after it has ended. */
  presence: ReportedPresence;
  /** The interval of heartbeats that it was told last. */
  beat_ms: number;
}

/**
 * The interval of heartbeats for a session with so many claims and queued messages. Only one that does nothing may be heard less
 * often (`idleBeatMs`): leases, busy signals and polls depend on heartbeats. What it begins to do it reports at once.
 */
export function beatFor(
  session: Session & { polls: boolean },
  claims: number,
  queued: number,
  idleBeatMs: number,
): number {
  const isResting = session.presence === "idle" && session.busy_since === null && !session.polls;
  return isResting && claims === 0 && queued === 0 ? idleBeatMs : BEAT_MS;
}

/** Idle sessions with the same turn are heard in one go: to wake up for each would cost the broker more than hearing it. */
const TURN_MS = 250;

/**
 * How long an idle session waits until its next heartbeat: until its turn, which comes once in every interval. The turns of all
 * sessions are spread over the interval by their ids, also after all of them have connected at once.
 */
export function untilTurn(peerId: string, intervalMs: number, now: number): number {
  const turn = Number.parseInt(peerId.slice(0, 8), 16) % Math.floor(intervalMs / TURN_MS);
  const wait = (((turn * TURN_MS - now) % intervalMs) + intervalMs) % intervalMs;
  // One that is a little early is not heard twice.
  return wait < intervalMs / 10 ? wait + intervalMs : wait;
}

/**
 * How long a session may still wait with its next heartbeat; 0: it is due. Its last one was answered `silence` ago, with the
 * interval `told`. While it has claims it renews their leases. It asks at least every `BEAT_MS`, because that may change.
 */
export function untilBeat(silence: number, told: number | undefined, claims: number): number {
  const interval = claims > 0 ? BEAT_MS : (told ?? BEAT_MS);
  return Math.max(0, interval - silence);
}

/** Whether a session has missed two heartbeats. */
export function isUnheard(session: Session, now: number): boolean {
  return now - session.last_seen > 2 * session.beat_ms + 5_000;
}

/** Maximum clock skew between brokers of one database. A timestamp further ahead means that the clock was set back since. */
export const SKEW_MS = 10_000;

/**
 * Whether `length` milliseconds have passed since `from`. Also true when `from` is far in the future: the clock was set
 * back, and nothing may stay locked until it catches up.
 */
export function hasElapsed(from: number, length: number, now: number): boolean {
  return now >= from + length || from > now + SKEW_MS;
}

export function isLive(session: Session, now: number): boolean {
  return session.presence !== "offline" && !hasElapsed(session.last_seen, session.beat_ms + SILENCE_MS, now);
}

export function presenceOf(session: Session, now: number): Presence {
  if (!isLive(session, now)) return "offline";
  // `blocked` wins over `busy`, because somebody must act.
  return session.presence !== "blocked" && isBusy(session, now) ? "busy" : session.presence;
}

/** The presence as it is stored, for its history: what ends only because time passes is recorded when a sweep ends it. */
export function recordedPresence({ presence, busy_since }: Session): Presence {
  return busy_since !== null && presence !== "offline" && presence !== "blocked" ? "busy" : presence;
}

/** Whether a busy signal is in effect: until `set_ready`, or until 1.5 times the estimate has passed. */
export function isBusy(busy: Busy, now: number): boolean {
  if (busy.busy_since === null) return false;
  return busy.busy_for === null || !hasElapsed(busy.busy_since, busy.busy_for * 1.5, now);
}

/** Whether a peer asked for quiet, so that it gets only interrupts. A long command alone does not ask for it. */
export function wantsQuiet(busy: Busy, now: number): boolean {
  return busy.busy_for !== null && isBusy(busy, now);
}

/** When the peer expects to be ready; `undefined` if it is not busy or gave no estimate. */
export function busyUntil(busy: Busy, now: number): number | undefined {
  if (busy.busy_since === null || busy.busy_for === null || !isBusy(busy, now)) return undefined;
  return busy.busy_since + busy.busy_for;
}

/**
 * The busy signal after a heartbeat that reports a command running since `since` (`undefined`: none). The peer's own
 * signal takes precedence.
 */
export function withLongCommand(busy: Busy, since: number | undefined, now: number): Busy {
  if (wantsQuiet(busy, now)) return busy;
  if (since === undefined) return NOT_BUSY;
  return { busy_reason: "a long command", busy_since: since, busy_for: null };
}
