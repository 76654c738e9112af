import fc from "fast-check";
import { expect, test } from "vitest";
import { rowText } from "../../src/rules/moves.ts";

const value = fc.oneof(
  fc.constant(null),
  fc.integer(),
  fc.string({ unit: "grapheme", maxLength: 4 }),
  // Values that resemble the encoding's own marks.
  fc.stringMatching(/^[-0-9:\n]{0,4}$/),
);
const row = fc.array(value, { maxLength: 4 });

const digits = (values: readonly (string | number | null)[]): unknown[] =>
  values.map((one) => (one === null ? null : String(one)));

test("two rows encode alike if and only if their values are equal, with numbers as digits", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.tuple(row, row),
        row.map((one): [typeof one, typeof one] => [one, [...one]]),
      ),
      ([a, b]) => {
        expect(rowText(a) === rowText(b)).toBe(JSON.stringify(digits(a)) === JSON.stringify(digits(b)));
      },
    ),
  );
  expect(rowText([5, null])).toBe(rowText(["5", null]));
  expect(rowText([null])).not.toBe(rowText(["-"]));
  expect(rowText(["1:a", ""])).not.toBe(rowText(["1:", "a"]));
});

test("concatenated rows stay distinguishable", () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 3 }), fc.array(row, { maxLength: 3 }), (a, b) => {
      const same = JSON.stringify(a.map(digits)) === JSON.stringify(b.map(digits));
      expect(a.map(rowText).join("") === b.map(rowText).join("")).toBe(same);
    }),
  );
});
