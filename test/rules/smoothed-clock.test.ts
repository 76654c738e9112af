import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { smoothedClock } from "../../src/platform/world.ts";

const START = 1_700_000_000_000;

describe("the clock of a program", () => {
  test("shows the system's time, or stands still for less than a second", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5_000, max: 1e9 })), (turns) => {
        let wall = START;
        const clock = smoothedClock(() => wall);
        let last = clock();
        for (const by of turns) {
          wall += by;
          const now = clock();
          expect(now - wall).toBeGreaterThanOrEqual(0);
          expect(now - wall).toBeLessThan(1_000);
          if (now !== wall) expect(now).toBe(last);
          last = now;
        }
      }),
    );
  });

  test("follows a system clock that was wrong and is set right again", () => {
    let wall = START;
    const clock = smoothedClock(() => wall);
    wall += 400 * 86_400_000;
    expect(clock()).toBe(wall);
    wall = START + 3_000;
    expect(clock()).toBe(wall);
  });
});
