/** The broker's clock as it decides about what cannot be undone: compares wall and monotonic time, see `rules/clock.ts`. */
import type { Logger } from "pino";
import {
  type ClockWatch,
  confirmedTime,
  type Disturbance,
  isConfirmed,
  remaining,
  startWatch,
  watchClock,
} from "../rules/clock.ts";
import { span } from "../rules/text.ts";

export interface BrokerClock {
  /** The confirmed time, milliseconds since 1970. Differs from the wall clock after a step that is not confirmed yet. */
  confirmed(): number;
  isConfirmed(): boolean;
  /** Why the clock is not confirmed, and for how long still; `undefined` when it is. */
  doubt(): ClockDoubt | undefined;
  /** Reads both clocks: to be called often, because a long time between two readings is a gap. */
  read(): void;
}

interface ClockDoubt {
  /** For people. */
  why: string;
  /** Milliseconds. */
  for: number;
}

/** Two readings that are further apart are not of one moment. Far less than a step that counts. */
const STANDSTILL_MS = 1_000;

interface Clocks {
  now(): number;
  steady(): number;
  log: Logger;
  /** How long both clocks must agree. */
  calmMs: number;
}

export function createClock({ now, steady, log, calmMs }: Clocks): BrokerClock {
  /** Both clocks at one moment: if the process stood still between them, the wall clock seems to have been set. */
  function reading() {
    for (;;) {
      const [before, wall, after] = [steady(), now(), steady()];
      if (after - before < STANDSTILL_MS) return { wall, steady: after };
    }
  }
  let watch: ClockWatch = startWatch(reading());
  function read(): void {
    const before = watch;
    const { wall, steady } = reading();
    // A group of requests reads the clock many times within a millisecond.
    if (wall === before.last.wall && steady >= before.last.steady && steady - before.last.steady < 1) return;
    watch = watchClock(before, { wall, steady }, calmMs);
    if (watch.since !== before.since)
      log.warn({ ...watch.disturbance, wait_ms: calmMs }, `clock not confirmed: ${words(watch.disturbance)}`);
    else if (isConfirmed(watch, calmMs) && !isConfirmed(before, calmMs)) log.info("clock confirmed");
  }
  return {
    read,
    confirmed() {
      read();
      return confirmedTime(watch);
    },
    isConfirmed() {
      read();
      return isConfirmed(watch, calmMs);
    },
    doubt() {
      read();
      const left = remaining(watch, calmMs);
      return left === 0 ? undefined : { why: words(watch.disturbance), for: Math.ceil(left) };
    },
  };
}

function words(disturbance: Disturbance): string {
  if (disturbance.what === "start") return "the broker has just started";
  const { what, ms } = disturbance;
  if (what === "gap") return `the broker did not run for ${span(ms)}`;
  return ms > 0
    ? `the clock went ahead by ${span(ms)} at once: it was set, or the machine slept`
    : `the clock was set back by ${span(-ms)}`;
}
