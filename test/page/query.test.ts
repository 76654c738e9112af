/** What the search box asks for. */
import { expect, test } from "vitest";
import { queryFrom, wordsOf } from "../../src/page/query.ts";

const NOW = Date.UTC(2026, 10, 26, 12);

test("words and filters, the last word unfinished", () => {
  expect(queryFrom("from:ann with:ben in:@den is:held saff", NOW)).toEqual({
    input: { query: "saff*", limit: 20, from: "ann", with: "ben", pool: "@den", state: "held" },
  });
  expect(queryFrom('"saffron cellar"', NOW)).toMatchObject({ input: { query: '"saffron cellar"' } });
  expect(wordsOf("from:ann saff is:held")).toBe("saff");
});

test("times as everywhere else", () => {
  expect(queryFrom("saffron since:2h before:90s", NOW)).toMatchObject({
    input: { since: NOW - 7_200_000, before: NOW - 90_000 },
  });
  expect(queryFrom("saffron since:yesterday", NOW)).toHaveProperty("input.since");
});

test("a filter that is not understood is said, and not left out", () => {
  expect(queryFrom("saffron is:lost", NOW)).toEqual({ problem: expect.stringContaining("is:lost is not a state") });
  expect(queryFrom("saffron since:whenever", NOW)).toEqual({
    problem: expect.stringContaining("since:whenever is not a time"),
  });
});

test("a letter is too little", () => {
  expect(queryFrom("s", NOW)).toBeUndefined();
  expect(queryFrom("from:ann", NOW)).toBeUndefined();
});
