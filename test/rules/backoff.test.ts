import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs, MAX_BACKOFF_MS } from "../../src/rules/backoff.ts";

const random = fc.double({ min: 0, max: 1, noNaN: true });

test("a delay grows with failures, is never 0 and never above the maximum", () => {
  fc.assert(
    fc.property(fc.nat(100_000), fc.integer({ min: 50, max: 1000 }), random, (failures, first, chance) => {
      const pause = backoffMs(failures, first, chance);
      expect(pause).toBeGreaterThanOrEqual(first / 2);
      expect(pause).toBeLessThanOrEqual(MAX_BACKOFF_MS);
      expect(backoffMs(failures + 1, first, chance)).toBeGreaterThanOrEqual(pause);
    }),
  );
});

test("a hundred sessions that lose their broker at once come back spread over time", () => {
  // Evenly spaced instead of random numbers: the test is about the spread.
  const sessions = Array.from({ length: 100 }, (_, i) => i / 99);
  for (const awayMs of [1_000, 10_000, 3_600_000]) {
    const returns = sessions.map((chance) => {
      let at = 0;
      for (let failures = 0; at < awayMs; failures++) at += backoffMs(failures, 100, chance);
      return at - awayMs;
    });
    const most = Math.max(...returns.map((at) => returns.filter((other) => other >= at && other < at + 100).length));
    expect(most).toBeLessThanOrEqual(25);
    expect(Math.max(...returns)).toBeLessThanOrEqual(MAX_BACKOFF_MS);
  }
});
