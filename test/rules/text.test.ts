import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CctError } from "../../src/platform/errors.ts";
import { checkMessageText, checkPlainText, MAX_TEXT_BYTES, oneLine, stripInvisible } from "../../src/rules/text.ts";
import { hostileText, isControl, LINE_END, UNSEEN } from "../support/hostile.ts";
import { thrownBy } from "../support/thrown.ts";

describe("text input", () => {
  test.each(["", " ", "\n\t ", "\u2028"])("%j is rejected as empty", (text) => {
    expect(thrownBy(() => checkMessageText(text)).code).toBe("bad_request");
  });

  test("the limit of 64 KiB counts bytes of UTF-8", () => {
    for (const letter of ["x", "é", "€", "😀"]) {
      const bytes = Buffer.byteLength(letter);
      const full = letter.repeat(Math.floor(MAX_TEXT_BYTES / bytes)) + "x".repeat(MAX_TEXT_BYTES % bytes);
      expect(() => checkMessageText(full)).not.toThrow();
      expect(thrownBy(() => checkMessageText(`${full}x`)).code).toBe("too_large");
    }
  });

  test("only control characters and lone surrogates are rejected, without repeating the text", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        fc.pre(text.trim() !== "");
        const bad = [...text].some(isControl) || !text.isWellFormed();
        if (!bad) return void checkMessageText(text);
        const error = thrownBy(() => checkMessageText(text));
        expect(error.code).toBe("bad_request");
        expect([...error.line].some(isControl)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  test("the error names the position of a control character", () => {
    expect(thrownBy(() => checkPlainText("summary", "red \u001b[31m")).message).toContain("U+001B at position 4");
    expect(() => checkPlainText("summary", "tab\tline\r\nend")).not.toThrow();
  });
});

describe("text output", () => {
  test("has no character that hides, reorders or fakes its neighbours", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const shown = stripInvisible(text);
        expect(shown).not.toMatch(UNSEEN);
        expect([...shown].filter((one) => isControl(one) || one === "\r")).toEqual([]);
        expect(shown.isWellFormed()).toBe(true);
        expect(shown.replaceAll("\n", "")).not.toMatch(LINE_END);
      }),
      { numRuns: 2000 },
    );
  });

  test("has no invisible characters", () => {
    const left: string[] = [];
    for (let code = 0; code <= 0x10ffff; code++) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      const letter = String.fromCodePoint(code);
      if (UNSEEN.test(letter) && stripInvisible(letter) !== "") left.push(`U+${code.toString(16)}`);
    }
    expect(left).toEqual([]);
  });

  test("stripping twice changes nothing more", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        expect(stripInvisible(stripInvisible(text))).toBe(stripInvisible(text));
      }),
    );
  });

  test("plain words, other scripts and emoji are unchanged", () => {
    for (const text of ["a\tb\nc", "naïve Ελληνικά עברית 日本語", "👍🏽 ❤️ 🇩🇪", "x < y && y > z"])
      expect(stripInvisible(text)).toBe(text);
  });

  test("oneLine returns one line within the limit", () => {
    fc.assert(
      fc.property(hostileText, fc.integer({ min: 1, max: 60 }), (text, limit) => {
        const line = oneLine(text, limit);
        expect(line.length).toBeLessThanOrEqual(limit);
        expect(line).not.toMatch(LINE_END);
        expect(line.isWellFormed()).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("errors are CctErrors", () => {
    expect(thrownBy(() => checkPlainText("text", "\ud800"))).toBeInstanceOf(CctError);
  });
});
