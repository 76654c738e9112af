/** How long a host that did not take mail is left alone. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { wakePauseMs } from "../../src/rules/wakepause.ts";

test("a pause grows from five seconds to five minutes, and is the longest at once where mail was refused", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), (failures) => {
      const pause = wakePauseMs(failures, false);
      expect(pause).toBeGreaterThanOrEqual(5_000);
      expect(pause).toBeLessThanOrEqual(300_000);
      expect(wakePauseMs(failures + 1, false)).toBeGreaterThanOrEqual(pause);
      expect(wakePauseMs(failures, true)).toBe(300_000);
    }),
  );
  expect([1, 2, 3].map((failures) => wakePauseMs(failures, false))).toEqual([5_000, 10_000, 20_000]);
});
