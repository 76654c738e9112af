/** Presence: who is there, and for how long a name and a lease are kept. All times are integer milliseconds. */

/** How long a claim holds without a heartbeat that renews it. */
export const LEASE_MS = 30_000;
/** A session that has not been heard of for so long is gone. */
export const SILENT_MS = 45_000;
/** An offline peer keeps its name, and its place in listings, at least so long. */
export const NAME_HOLD_MS = 24 * 3_600_000;

export const presences = ["active", "idle", "offline"] as const;
export type Presence = (typeof presences)[number];

export interface Session {
  /** Machine and process id of the host process, of the last one when the session has ended. */
  host: string;
  claude_pid: number;
  last_seen: number;
  /** As last told; `offline` once the session has ended. */
  presence: Presence;
}

/**
 * Whether the span that began at `from` and lasts `length` is over. A beginning in the future means that the clock
 * was set back: then the span counts as over too, so that nothing stays locked until the clock catches up.
 */
export function isOver(from: number, length: number, now: number): boolean {
  return now >= from + length || from > now;
}

export function isLive(session: Session, now: number): boolean {
  return session.presence !== "offline" && !isOver(session.last_seen, SILENT_MS, now);
}

export function presenceOf(session: Session, now: number): Presence {
  return isLive(session, now) ? session.presence : "offline";
}

/** Whether a peer still owns its name: it lives, was seen within a day, or has mail waiting. */
export function holdsName(session: Session & { waiting: number }, now: number): boolean {
  return isLive(session, now) || session.waiting > 0 || !isOver(session.last_seen, NAME_HOLD_MS, now);
}
