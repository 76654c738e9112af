import fc from "fast-check";
import { expect, test } from "vitest";
import { PAGE_CHARACTERS, pagesOf } from "../../src/rules/pages.ts";
import { hostileText } from "../support/hostile.ts";

const long = fc
  .tuple(hostileText, fc.constantFrom("", "\n", "😀", "a line\n", "é"), fc.integer({ min: 1, max: 20_000 }))
  .map(([text, filler, times]) => (text + filler).repeat(times).slice(0, 65_536));

test("pages are the whole text, none is longer than a page, and none ends within a character", () => {
  fc.assert(
    fc.property(long, (text) => {
      const pages = pagesOf(text);
      expect(pages.join("")).toBe(text);
      for (const page of pages) expect(page.length).toBeLessThanOrEqual(PAGE_CHARACTERS);
      if (pages.length > 1) for (const page of pages) expect(page).not.toBe("");
      if (text.isWellFormed()) for (const page of pages) expect(page.isWellFormed()).toBe(true);
    }),
  );
});

test("a page ends with a line where lines are not too long", () => {
  const pages = pagesOf("a line of text\n".repeat(4_000));
  expect(pages.length).toBe(4);
  for (const page of pages.slice(0, -1)) expect(page).toMatch(/\n$/);
});
