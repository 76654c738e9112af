/** What a word is, what a query means, and which part of a text a result shows. */
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { queryOf, snippetOf, toFts5, toTsquery, wordsOf } from "../../src/rules/search.ts";
import { atEnd } from "../support/cleanup.ts";

/** Texts with what query languages give a meaning to. */
const typed = fc.string({
  unit: fc.constantFrom(..."ab1 Ä日本ö\"'*()&|!<>:-+^{}\\%_;\n", "AND", "OR", "NOT", "NEAR", " "),
  maxLength: 40,
});

test.each([
  ["Port 5433", ["port", "5433"]],
  ["src/store/messages.ts", ["src", "store", "messages", "ts"]],
  ["Müller café ﬁne", ["muller", "cafe", "fine"]],
  ["日本語 text", ["日", "本", "語", "text"]],
  ["insert_deliveries()", ["insert", "deliveries"]],
  ["x".repeat(100), ["x".repeat(64)]],
  ["\u{1F600} --", []],
])("the words of %j", (text, words) => {
  expect(wordsOf(text)).toEqual(words);
});

describe("a query", () => {
  test.each([
    ["port 5433", '"port" AND "5433"', "port & 5433"],
    ['"the port" now', '"the" + "port" AND "now"', "the <-> port & now"],
    ["form-2", '"form" + "2"', "form <-> 2"],
    ["migrat*", '"migrat" *', "migrat:*"],
    // Too short to be a beginning.
    ["ab*", '"ab"', "ab"],
    ['"open', '"open"', "open"],
    ["日本", '"日" + "本"', "日 <-> 本"],
  ])("%s", (text, fts5, tsquery) => {
    expect(toFts5(queryOf(text))).toBe(fts5);
    expect(toTsquery(queryOf(text))).toBe(tsquery);
  });

  test("has nothing of the databases' languages but what was made here", () => {
    const word = "[\\p{L}\\p{N}\\p{M}]+";
    const fts5 = new RegExp(`^(?:(?:^| AND )"${word}"(?: \\+ "${word}")*(?: \\*)?)*$`, "u");
    const tsquery = new RegExp(`^(?:(?:^| & )${word}(?: <-> ${word})*(?::\\*)?)*$`, "u");
    fc.assert(
      fc.property(typed, (text) => {
        expect(toFts5(queryOf(text))).toMatch(fts5);
        expect(toTsquery(queryOf(text))).toMatch(tsquery);
      }),
    );
  });
});

test("a snippet is a part of the text, at most that long, with the words where it says", () => {
  fc.assert(
    fc.property(typed, fc.array(typed, { maxLength: 30 }), fc.integer({ min: 20, max: 90 }), (query, parts, limit) => {
      const terms = queryOf(query);
      const text = parts.join(" ");
      const { text: snippet, hits } = snippetOf(text, terms, limit);
      expect(snippet.length).toBeLessThanOrEqual(limit);
      expect(snippet.isWellFormed()).toBe(true);
      expect(text.replace(/\s+/g, " ").trim()).toContain(snippet.replace(/^…|…$/g, ""));
      const wanted = terms.flatMap(({ words }) => words);
      for (const [from, to] of hits) {
        const words = wordsOf(snippet.slice(from, to));
        expect(words.some((word) => wanted.some((one) => word.startsWith(one)))).toBe(true);
      }
    }),
  );
});

test("a snippet of a long text is around its first hit", () => {
  const text = `${"before ".repeat(100)}the needle is here ${"after ".repeat(100)}`;
  const { text: snippet, hits } = snippetOf(text, queryOf("needle"), 80);
  expect(snippet).toMatch(/^…before .* the needle is here after .*…$/);
  expect(hits.map(([from, to]) => snippet.slice(from, to))).toEqual(["needle"]);
});

test.each([
  ["the first word", `needle ${"hay ".repeat(20_000)}`, 30],
  ["a word in the middle", `${"hay ".repeat(1_000)}needle ${"hay ".repeat(20_000)}`, 1_030],
  ["only the first 10,000 characters", `${"hay ".repeat(20_000)}needle`, 2_500],
  ["only those of a text with accents", `${"häy ".repeat(20_000)}needle`, 2_500],
])("a snippet of a long text reads no more than to its end: %s", (_, text, most) => {
  const compared = vi.spyOn(String.prototype, "startsWith");
  atEnd(() => compared.mockRestore());
  const { text: snippet, hits } = snippetOf(text, queryOf("need*"), 100, 10_000);
  expect(compared.mock.calls.length).toBeGreaterThan(0);
  expect(compared.mock.calls.length).toBeLessThanOrEqual(most);
  compared.mockRestore();
  expect(snippet.endsWith("…")).toBe(true);
  expect(hits.map(([from, to]) => snippet.slice(from, to))).toEqual(text.indexOf("needle") < 10_000 ? ["needle"] : []);
});
