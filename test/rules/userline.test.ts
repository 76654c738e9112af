/** The line that a user sees of mail in the terminal. */
import fc from "fast-check";
import measure from "fast-string-truncated-width";
import { expect, test } from "vitest";
import { userLine } from "../../src/rules/userline.ts";

const from = (from_name: string, text?: string, more = {}) => ({
  from: "0123456789abcdef0123456789abcdef",
  from_name,
  ...(text === undefined ? {} : { text }),
  ...more,
});

test.each([
  ["CCT mail from shop: which port do you use?", [from("shop", "which port do you use?")]],
  ["CCT mail from shop@studio: hello", [from("shop", "hello", { from_address: "shop@studio" })]],
  ["CCT mail from shop: one two (2 more)", [from("shop", "one\n\ttwo"), from("a", "x"), from("b", "y")]],
  ["CCT mail from operator: stop", [{ ...from("operator", "stop"), from: "operator" }]],
  ["CCT reports: 01a2147d expired", [{ ...from("cct", "01a2147d expired"), from: "cct" }]],
  ["CCT mail from shop: a message of 60000 characters", [from("shop", undefined, { characters: 60_000 })]],
  ["", []],
])("%j", (line, messages) => {
  expect(userLine(messages)).toBe(line);
});

test("a long text is cut, and the number of others is not", () => {
  const line = userLine([from("shop", "word ".repeat(100)), from("shop", "more")]);
  expect(line).toMatch(/^CCT mail from shop: word .*w\w*… \(1 more\)$/);
  expect(line.length).toBeLessThanOrEqual(76);
});

test("no text and no name makes more than one line, a wide one, or one that steers the terminal", () => {
  const unit = fc.oneof(
    fc.string({ unit: "binary", maxLength: 4 }),
    fc.constantFrom(
      "\u001b[2J",
      "\u001b]0;title\u0007",
      "\u009b31m",
      "\r",
      "\n",
      "\u2028",
      "\u202e",
      "\u200b",
      "漢",
      "😀",
      "한",
      "e\u0301",
    ),
  );
  const words = fc.array(unit, { maxLength: 60 }).map((all) => all.join(""));
  fc.assert(
    fc.property(words, words, fc.integer({ min: 1, max: 12 }), (name, text, count) => {
      const line = userLine(Array.from({ length: count }, () => from(name, text)));
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b]/);
      expect(measure(line).width).toBeLessThanOrEqual(76);
      expect(line).toMatch(/^CCT mail from /);
    }),
  );
});
