/** Names on the map can be read. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { withRoom } from "../../src/page/circle.ts";

const box = fc
  .record({ left: fc.nat(200), top: fc.nat(200), width: fc.integer({ min: 1, max: 60 }), height: fc.constant(14) })
  .map(({ left, top, width, height }) => ({ left, top, right: left + width, bottom: top + height }));

test("names do not lie on each other, the first one is there, and one is left out only for another", () => {
  fc.assert(
    fc.property(fc.array(box, { minLength: 1, maxLength: 60 }), (boxes) => {
      const shown = withRoom(boxes);
      const area = new Map<string, number>();
      for (const [i, { left, right, top, bottom }] of shown.entries())
        for (let x = left; x < right; x++)
          for (let y = top; y < bottom; y++) {
            expect(area.has(`${x} ${y}`)).toBe(false);
            area.set(`${x} ${y}`, i);
          }
      expect(shown[0]).toBe(boxes[0]);
      for (const one of boxes)
        expect(shown.includes(one) || withRoom([...shown, one]).length === shown.length).toBe(true);
    }),
    { numRuns: 20 },
  );
});
