/** Presence, busy signals, and the timeouts of leases, sessions and names. All times are integer milliseconds. */

/** Lease of a claim, renewed by heartbeats. */
export const LEASE_MS = 30_000;
/** The interval of heartbeats, unless the broker tells another. */
export const BEAT_MS = 10_000;
/** The interval that the broker tells an idle session without mail: one that older brokers do not take for its end. */
export const IDLE_BEAT_MS = 30_000;
/** A session that is silent for longer than its interval by this much is offline. */
const SILENCE_MS = 35_000;
/** No session is offline before this time: a first filter for the sweep. */
export const OFFLINE_AFTER_MS = BEAT_MS + SILENCE_MS;
/** An offline peer keeps its name and stays in listings at least this long. */
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
/** `unserved`: its session server, which fetches the mail, has ended. The broker finds that out. */
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
  claude_pid: number;
  last_seen: number;
  /** As last reported by the session; `offline` after it has ended. */
  presence: ReportedPresence;
  /** The interval of heartbeats that it was told last. */
  beat_ms: number;
}

/**
 * The interval of heartbeats for a session with so many claims and queued messages. Only one that does nothing may be heard less
 * often: leases, busy signals and polls depend on heartbeats. What it begins to do it reports at once.
 */
export function beatFor(session: Session & { polls: boolean }, claims: number, queued: number): number {
  const isResting = session.presence === "idle" && session.busy_since === null && !session.polls;
  return isResting && claims === 0 && queued === 0 ? IDLE_BEAT_MS : BEAT_MS;
}

/**
 * Whether a session, which considers it every `BEAT_MS`, sends a heartbeat now: its last one was answered `silence` ago, with
 * the interval `told`. While it has claims it renews their leases.
 */
export function isBeatDue(silence: number, told: number | undefined, claims: number): boolean {
  if (told === undefined || told <= BEAT_MS || claims > 0) return true;
  return silence > told - BEAT_MS / 2;
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

/** Whether a peer still owns its name: it is live, was seen within a day, or has mail waiting. */
export function holdsName(session: Session & { waiting: number }, now: number): boolean {
  return isLive(session, now) || session.waiting > 0 || !hasElapsed(session.last_seen, NAME_HOLD_MS, now);
}
