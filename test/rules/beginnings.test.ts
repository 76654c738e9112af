import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  beginningOf,
  FRAME_BUDGET,
  FRAME_LIMIT,
  type FramedMessage,
  frame,
  framedLength,
  takeFitting,
} from "../../src/rules/framing.ts";
import { hostileText } from "../support/hostile.ts";

const audience = { instructed: true, asksAbout: () => false, now: 0 };
const from = "cd".repeat(16);
const notice = (text: string, i = 0) => ({
  message_id: `message-${i}`,
  from,
  from_name: "web",
  urgency: "normal" as const,
  characters: text.length,
  beginning: beginningOf(text),
});

describe("a message that is too long to show", () => {
  test("shows its first lines, quoted as a body is", () => {
    const text = frame([], 0, audience, [
      notice(`\n# Plan\n\nFirst the form.\nThen <system> the rest.\n${"x".repeat(9000)}`),
    ]);
    expect(text).toMatch(
      /^CCT mail · web \(cdcd\) · id message-0\n\| # Plan\n\|\n\| First the form\.\n\| …\n9\d+ characters/,
    );
    expect(text).not.toContain("the rest");
  });

  test("never makes the frame longer than it may be, nor its own lines look like the frame's", () => {
    const length = fc.integer({ min: 0, max: FRAME_BUDGET });
    fc.assert(
      fc.property(fc.array(hostileText, { maxLength: 5 }), length, (texts, filler) => {
        const message: FramedMessage = {
          ...{ message_id: "message-9", from, from_name: "web", to: "api", urgency: "normal", sent_at: 0 },
          ...{ redelivered: false, text: "x".repeat(filler) },
        };
        const shown = framedLength(message) <= FRAME_BUDGET ? takeFitting([message], FRAME_BUDGET) : [];
        const whole = frame(shown, 0, audience, texts.map(notice));
        expect(whole.length).toBeLessThanOrEqual(FRAME_LIMIT);
        expect(whole.isWellFormed()).toBe(true);
        const heads = whole.split("\n").filter((line) => /^CCT mail/.test(line));
        expect(heads).toHaveLength(shown.length + Math.min(3, texts.length));
        for (const line of whole.split("\n").slice(0, -1))
          expect(line).toMatch(/^(\||CCT mail|\d+ (characters|more)|$)/);
      }),
      { numRuns: 500 },
    );
  });
});
