/** Presence: who is there, and for how long a name and a lease are kept. All times are integer milliseconds. */

/** How long a claim holds without a heartbeat that renews it. */
export const LEASE_MS = 30_000;
/** A session that has not been heard of for so long is gone. */
export const OFFLINE_AFTER_MS = 45_000;
/** An offline peer keeps its name, and its place in listings, at least so long. */
export const NAME_HOLD_MS = 24 * 3_600_000;

/** What a session tells of itself, through its hooks; `blocked`: its host asks the user for a permission. */
export const reportedPresences = ["active", "idle", "blocked", "offline"] as const;
type ReportedPresence = (typeof reportedPresences)[number];

export const presences = ["active", "idle", "busy", "blocked", "offline"] as const;
export type Presence = (typeof presences)[number];

/** Whether a session's hooks take its mail: `quiet` when none ran, or none took what waits. */
export const hooksStates = ["live", "quiet"] as const;
export type Hooks = (typeof hooksStates)[number];

/** A busy signal. `busy_for` is the peer's own estimate in milliseconds; null: nobody knows how long it takes. */
export interface Busy {
  busy_reason: string | null;
  busy_since: number | null;
  busy_for: number | null;
}

export const NOT_BUSY: Busy = { busy_reason: null, busy_since: null, busy_for: null };

export interface Session extends Busy {
  /** Machine and process id of the host process, of the last one when the session has ended. */
  host: string;
  claude_pid: number;
  last_seen: number;
  /** As last reported by the session; `offline` after it has ended. */
  presence: ReportedPresence;
}

/** Brokers that share a database agree on the time within less than this; what lies further ahead a clock said that was set back. */
export const SKEW_MS = 10_000;

/**
 * Whether the span that began at `from` and lasts `length` is over. A beginning far in the future means that the clock
 * was set back: then the span counts as over too, so that nothing stays locked until the clock catches up.
 */
export function hasElapsed(from: number, length: number, now: number): boolean {
  return now >= from + length || from > now + SKEW_MS;
}

export function isLive(session: Session, now: number): boolean {
  return session.presence !== "offline" && !hasElapsed(session.last_seen, OFFLINE_AFTER_MS, now);
}

export function presenceOf(session: Session, now: number): Presence {
  if (!isLive(session, now)) return "offline";
  // Somebody has to do something about it: that counts more than what the session was busy with.
  return session.presence !== "blocked" && isBusy(session, now) ? "busy" : session.presence;
}

/** Whether a busy signal still holds: until the peer is ready, or its estimate has passed by half. */
export function isBusy(busy: Busy, now: number): boolean {
  if (busy.busy_since === null) return false;
  return busy.busy_for === null || !hasElapsed(busy.busy_since, busy.busy_for * 1.5, now);
}

/** Whether a peer asked to be left alone: then only what interrupts goes through. A long command asks for nothing. */
export function wantsQuiet(busy: Busy, now: number): boolean {
  return busy.busy_for !== null && isBusy(busy, now);
}

/** When the peer expects to be ready; `undefined` when it is not busy, or nobody knows. */
export function busyUntil(busy: Busy, now: number): number | undefined {
  if (busy.busy_since === null || busy.busy_for === null || !isBusy(busy, now)) return undefined;
  return busy.busy_since + busy.busy_for;
}

/** What the hooks tell of a long command, beside what the peer itself said: its own word stands. */
export function withLongCommand(busy: Busy, since: number | undefined, now: number): Busy {
  if (wantsQuiet(busy, now)) return busy;
  if (since === undefined) return NOT_BUSY;
  return { busy_reason: "a long command", busy_since: since, busy_for: null };
}

/** Whether a peer still owns its name: it lives, was seen within a day, or has mail waiting. */
export function holdsName(session: Session & { waiting: number }, now: number): boolean {
  return isLive(session, now) || session.waiting > 0 || !hasElapsed(session.last_seen, NAME_HOLD_MS, now);
}
