import fc from "fast-check";
import { expect, test } from "vitest";
import { followClock } from "../../src/broker/cluster/clock.ts";

/** Reads a clock that is `ahead` of `steady`, over a link with the given delays in each direction. */
function scene(ahead: number) {
  const world = { steady: 1_000, ahead };
  const clock = followClock(() => world.steady);
  const read = (there: number, back: number): void => {
    const before = world.steady;
    world.steady += there;
    const time = Math.floor(world.steady + world.ahead);
    world.steady += back;
    clock.read(time, before, world.steady);
  };
  return { world, clock, read, off: () => Math.abs(clock.now() - (world.steady + world.ahead)) };
}

const way = fc.integer({ min: 0, max: 2_000 });

test("the error is never larger than that of the best reading", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(way, way, fc.nat(5_000)), { minLength: 1, maxLength: 20 }), (readings) => {
      const { world, read, off } = scene(1_800_000_000_000);
      let least = Number.POSITIVE_INFINITY;
      for (const [there, back, later] of readings) {
        least = Math.min(least + 5_000 * 0.001, (there + back) / 2);
        read(there, back);
        world.steady += later;
      }
      // Two milliseconds of rounding, and up to a second of smoothing.
      expect(off()).toBeLessThan(least + 1_003);
    }),
  );
});

test("a reading over a slow link does not replace one over a fast link", () => {
  const { read, off } = scene(5_000_000);
  read(1, 1);
  read(1_500, 0);
  expect(off()).toBeLessThanOrEqual(2);
});

test("follows a clock that was set, even over a slow link", () => {
  fc.assert(
    fc.property(fc.integer({ min: -10_000_000, max: 10_000_000 }), way, (step, back) => {
      fc.pre(Math.abs(step) > 10_000);
      const { world, read, off } = scene(20_000_000);
      read(1, 1);
      world.ahead += step;
      read(0, back);
      expect(off()).toBeLessThanOrEqual(back / 2 + 2);
    }),
  );
});

test("does not go back because of a less precise reading", () => {
  const { world, clock, read } = scene(7_000_000);
  read(0, 400);
  const before = clock.now();
  world.steady += 1;
  read(1, 1);
  expect(clock.now()).toBeGreaterThanOrEqual(before);
});
