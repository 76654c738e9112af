/** Names around the map's circle are inside the picture, and do not lie on each other. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { labelsOf, MANY, radiusIn } from "../../src/page/map-names.ts";

/** About as wide as the letters of the page. */
const measure = (text: string): number => text.length * 6.6;

const size = fc.record({ width: fc.integer({ min: 250, max: 1600 }), height: fc.integer({ min: 240, max: 1200 }) });
const names = fc.array(fc.stringMatching(/^[a-z-]{1,40}$/), { minLength: 1, maxLength: MANY });

const stands = (all: readonly string[]) =>
  all.map((name, i) => ({
    id: String(i),
    angle: (i / all.length) * 2 * Math.PI,
    name,
    about: `what ${name} does, at length`,
    rank: i,
  }));

describe("in a picture of any size", () => {
  test("the circle and all names are inside, no two on each other, and the first name is there", () => {
    fc.assert(
      fc.property(size, names, ({ width, height }, all) => {
        const radius = radiusIn(all.length, { width, height });
        expect(radius).toBeLessThanOrEqual(Math.min(width, height) / 2 - 10);
        const labels = labelsOf(stands(all), radius, { width, height }, measure);
        for (const { left, right, top, bottom } of labels) {
          expect(Math.min(left + width / 2, width / 2 - right)).toBeGreaterThanOrEqual(0);
          expect(Math.min(top + height / 2, height / 2 - bottom)).toBeGreaterThanOrEqual(0);
        }
        for (const [i, a] of labels.entries())
          for (const b of labels.slice(i + 1))
            expect(a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom).toBe(false);
        expect(labels[0]).toMatchObject({ id: "0", isName: true });
      }),
    );
  });

  test("a name of eight letters is whole, and names that are alike show where they differ", () => {
    fc.assert(
      fc.property(size, fc.integer({ min: 1, max: 6 }), ({ width, height }, count) => {
        const radius = radiusIn(count, { width, height });
        const texts = (all: string[]) =>
          labelsOf(stands(all), radius, { width, height }, measure).flatMap(({ isName, text }) => (isName ? text : []));
        const short = Array.from({ length: count }, (_, i) => `payment${i}`);
        expect(texts(short).toSorted()).toEqual(short);
        const long = Array.from({ length: count }, (_, i) => `a-session-with-a-name-of-its-own-and-more-${i}`);
        expect(
          texts(long)
            .map((text) => text.slice(-2))
            .toSorted(),
        ).toEqual(long.map((text) => text.slice(-2)));
      }),
    );
  });
});
