import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CALM_MS,
  type ClockWatch,
  confirmedTime,
  isConfirmed,
  MAX_GAP_MS,
  MAX_STEP_MS,
  startWatch,
  watchClock,
} from "../../src/rules/clock.ts";

const START = 1_700_000_000_000;
const DAY_MS = 86_400_000;
const TICK_MS = 2_000;

/** What happens between two readings: time passes, and somebody sets the wall clock. */
interface Turn {
  passed: number;
  set: number;
}

/** A broker that reads both clocks. */
function scene() {
  const real = { wall: START, steady: 5_000 };
  let watch: ClockWatch = startWatch({ ...real });
  const take = ({ passed, set }: Turn): void => {
    real.steady += passed;
    real.wall += passed + set;
    watch = watchClock(watch, { ...real }, CALM_MS);
  };
  return {
    real,
    take,
    calm: (ms = CALM_MS) => {
      for (let left = ms; left > 0; left -= TICK_MS) take({ passed: TICK_MS, set: 0 });
    },
    isConfirmed: () => isConfirmed(watch, CALM_MS),
    time: () => confirmedTime(watch),
    disturbance: () => watch.disturbance,
  };
}

const tick = fc.record({ passed: fc.integer({ min: 0, max: MAX_GAP_MS }), set: fc.constant(0) });
const slight = fc.record({ passed: fc.integer({ min: 0, max: MAX_GAP_MS }), set: fc.integer({ min: -1, max: 1 }) });
const jump = fc.oneof(
  fc.integer({ min: MAX_STEP_MS * 2, max: 1_000 * DAY_MS }),
  fc.integer({ min: -1_000 * DAY_MS, max: -MAX_STEP_MS * 2 }),
);
const step = fc.record({ passed: fc.integer({ min: 0, max: MAX_GAP_MS }), set: jump });
const gap = fc.record({ passed: fc.integer({ min: MAX_GAP_MS + 1, max: 1_000 * DAY_MS }), set: fc.constant(0) });

describe("the confirmed clock", () => {
  test("is not confirmed at the start, and is after some minutes without a disturbance", () => {
    const { calm, isConfirmed, time, real } = scene();
    expect(isConfirmed()).toBe(false);
    calm(CALM_MS - TICK_MS);
    expect(isConfirmed()).toBe(false);
    calm(TICK_MS);
    expect(isConfirmed()).toBe(true);
    expect(time()).toBe(real.wall);
  });

  test("is never confirmed within minutes after a step or a gap, whatever came before and comes then", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(tick, step, gap)), fc.oneof(step, gap), fc.array(slight), (before, bad, after) => {
        const { take, isConfirmed, calm } = scene();
        calm();
        for (const turn of before) take(turn);
        take(bad);
        let calmFor = 0;
        expect(isConfirmed()).toBe(false);
        for (const turn of after) {
          take(turn);
          calmFor += turn.passed;
          expect(isConfirmed()).toBe(calmFor >= CALM_MS);
        }
      }),
    );
  });

  test("does not follow a step before it is confirmed: 400 days ahead for three seconds are no time at all", () => {
    fc.assert(
      fc.property(jump, fc.array(tick, { maxLength: 5 }), (set, meanwhile) => {
        const { real, take, calm, time, isConfirmed } = scene();
        calm();
        take({ passed: 1_000, set });
        for (const turn of meanwhile) {
          take(turn);
          expect(time()).toBe(real.wall - set);
        }
        take({ passed: 1_000, set: -set });
        expect(time()).toBe(real.wall);
        expect(isConfirmed()).toBe(false);
        calm();
        expect(isConfirmed()).toBe(true);
        expect(time()).toBe(real.wall);
      }),
    );
  });

  test("follows a clock that stays where it was set, ahead or back", () => {
    fc.assert(
      fc.property(jump, (set) => {
        const { real, take, calm, time } = scene();
        calm();
        take({ passed: 1_000, set });
        calm();
        expect(time()).toBe(real.wall);
      }),
    );
  });

  test("takes many small steps for one, but not the drift of two clocks", () => {
    const [small, drift] = [scene(), scene()];
    small.calm();
    for (let i = 0; i < 10; i++) small.take({ passed: TICK_MS, set: 1_000 });
    expect(small.isConfirmed()).toBe(false);
    expect(small.disturbance().what).toBe("step");
    drift.calm();
    for (let i = 0; i < 100_000; i++) drift.take({ passed: TICK_MS, set: i % 2 });
    expect(drift.isConfirmed()).toBe(true);
    expect(drift.time()).toBe(drift.real.wall);
  });
});
