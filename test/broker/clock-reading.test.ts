/** The broker's clock where the process stands still between its looks at the wall clock and at the monotonic one. */
import { pino } from "pino";
import { expect, test } from "vitest";
import { createClock } from "../../src/broker/clock.ts";

const HOUR_MS = 3_600_000;

test.each([1, 2, 3, 4, 5, 6])("a standstill before look %i is a gap, and not a clock that was set", (at) => {
  let [time, looks] = [0, Number.NEGATIVE_INFINITY];
  const look = (): number => {
    if (++looks === at) time += 30 * HOUR_MS;
    return time;
  };
  const log = pino({ enabled: false });
  const clock = createClock({ now: look, steady: look, log, calmMs: 180_000 });
  looks = 0;
  clock.read();
  clock.read();
  expect(clock.doubt()).toMatchObject({ why: "the broker did not run for 30 h" });
  time += 1_000;
  expect(clock.doubt()).toMatchObject({ why: "the broker did not run for 30 h" });
});
