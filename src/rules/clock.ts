/**
 * The confirmed clock: decides whether the wall clock may be believed. What cannot be undone (deleting, expiring, releasing)
 * waits until wall and monotonic time have agreed for a while, without a gap in which the process did not run.
 */

/** Both clocks at one moment, in milliseconds. */
export interface Reading {
  /** Since 1970; somebody may set it. */
  wall: number;
  /** Monotonic; only differences have a meaning. */
  steady: number;
}

/** What made the clock unconfirmed. `ms`: how far it was set (negative: back), or how long the process did not run. */
export type Disturbance = { what: "start" } | { what: "step" | "gap"; ms: number };

export interface ClockWatch {
  /** The last reading. */
  last: Reading;
  /** `wall - steady`, followed slowly, so that many small steps count as one. */
  reference: number;
  /** `wall - steady` when the clock was last confirmed. */
  confirmed: number;
  /** Monotonic time of the last disturbance. */
  since: number;
  disturbance: Disturbance;
}

/** How long the clocks must agree: minutes, in which every live session sends several heartbeats. */
export const CALM_MS = 180_000;
/** A larger difference is a step. Smaller ones are imprecise readings, and shorter than every deadline. */
export const MAX_STEP_MS = 5_000;
/** A longer time between two readings is a gap: sessions could not be heard. A third of a lease. */
export const MAX_GAP_MS = 10_000;
/** How far two clocks drift apart per millisecond, at most. */
const DRIFT = 0.0005;

export function startWatch(first: Reading): ClockWatch {
  const offset = first.wall - first.steady;
  return { last: first, reference: offset, confirmed: offset, since: first.steady, disturbance: { what: "start" } };
}

/** Takes a reading. `calmMs`: as `CALM_MS`. */
export function watchClock(watch: ClockWatch, reading: Reading, calmMs: number): ClockWatch {
  const passed = reading.steady - watch.last.steady;
  const offset = reading.wall - reading.steady;
  const step = offset - watch.reference;
  const next = { ...watch, last: reading };
  if (Math.abs(step) > MAX_STEP_MS)
    return settled(disturbed(next, offset, { what: "step", ms: Math.round(step) }), calmMs);
  if (passed > MAX_GAP_MS) return settled(disturbed(next, offset, { what: "gap", ms: Math.round(passed) }), calmMs);
  const most = passed * DRIFT;
  return settled({ ...next, reference: watch.reference + Math.max(-most, Math.min(most, step)) }, calmMs);
}

const disturbed = (watch: ClockWatch, offset: number, disturbance: Disturbance): ClockWatch => ({
  ...watch,
  reference: offset,
  since: watch.last.steady,
  disturbance,
});

const settled = (watch: ClockWatch, calmMs: number): ClockWatch =>
  isConfirmed(watch, calmMs) ? { ...watch, confirmed: watch.last.wall - watch.last.steady } : watch;

export const isConfirmed = (watch: ClockWatch, calmMs: number): boolean => remaining(watch, calmMs) === 0;

/** Milliseconds until the clock is confirmed, if nothing disturbs it again; 0 when it is. */
export const remaining = ({ last, since }: ClockWatch, calmMs: number): number =>
  Math.max(0, calmMs - (last.steady - since));

/** The confirmed time: continues at the pace of monotonic time, and follows the wall clock only while it is confirmed. */
export const confirmedTime = ({ last, confirmed }: ClockWatch): number => Math.floor(last.steady + confirmed);
