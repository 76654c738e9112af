import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { steadyClock } from "../../src/platform/world.ts";

const START = 1_700_000_000_000;

/** Wall and monotonic time, set by the test. */
function turned(): { now: () => number; turn(wall: number, steady: number): void } {
  let wall = START;
  let steady = 0;
  return {
    now: steadyClock(
      () => wall,
      () => steady,
    ),
    turn(wallBy, steadyBy) {
      wall += wallBy;
      steady += steadyBy;
    },
  };
}

describe("the monotonic wall clock", () => {
  test("never goes back, whatever happens to the system clock", () => {
    const turns = fc.array(fc.tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.double({ min: 0, max: 1e6, noNaN: true })));
    fc.assert(
      fc.property(turns, (all) => {
        const clock = turned();
        let last = clock.now();
        for (const [wallBy, steadyBy] of all) {
          clock.turn(wallBy, steadyBy);
          const now = clock.now();
          expect(now).toBeGreaterThanOrEqual(last);
          expect(Number.isSafeInteger(now)).toBe(true);
          last = now;
        }
      }),
    );
  });

  test("follows the system clock forward", () => {
    const clock = turned();
    clock.turn(5000, 5000);
    expect(clock.now()).toBe(START + 5000);
    clock.turn(3_600_000, 10);
    expect(clock.now()).toBe(START + 3_605_000);
  });

  test("continues at normal speed after the system clock was set back an hour", () => {
    for (const apart of [0.4, 0.9, 1, 1.5, 250]) {
      const clock = turned();
      clock.turn(-3_600_000, 0);
      const before = clock.now();
      for (let asked = 0; asked < 1000; asked++) {
        clock.turn(apart, apart);
        clock.now();
      }
      expect(Math.abs(clock.now() - before - 1000 * apart)).toBeLessThanOrEqual(1);
    }
  });
});
