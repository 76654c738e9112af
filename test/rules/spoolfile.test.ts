import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { urgencies } from "../../src/rules/delivery.ts";
import { highestUrgency, modes, readSpoolHead, type SpoolHead, writeSpool } from "../../src/rules/spoolfile.ts";

const head: fc.Arbitrary<SpoolHead> = fc.record({
  urgency: fc.constantFrom(...urgencies),
  mode: fc.constantFrom(...modes),
  late: fc.boolean(),
  nowake: fc.boolean(),
  claims: fc.array(
    fc.record({
      message_id: fc.stringMatching(/^[A-Za-z0-9_-]{8,64}$/),
      attempt: fc.integer({ min: 1, max: 999_999_999 }),
    }),
  ),
});

describe("the mail file", () => {
  test("reads back as it was written, whatever the text", () => {
    fc.assert(
      fc.property(head, fc.string({ unit: "grapheme" }), (written, text) => {
        const file = writeSpool(written, text);
        expect(readSpoolHead(file)).toEqual(written);
        const [, json = ""] = file.split("\n");
        expect(JSON.parse(json)).toBe(text);
        expect(file.endsWith(`\n${text}\n`)).toBe(true);
      }),
    );
  });

  test("its text stays one line of JSON, so that a hook can embed the second line as it is", () => {
    const hostile = fc.array(fc.constantFrom("\n", "\r", '"', "\\", "\u2028", "\0", "}", "x"), { maxLength: 20 });
    fc.assert(
      fc.property(head, hostile, (written, parts) => {
        const lines = writeSpool(written, parts.join("")).split("\n");
        expect(JSON.parse(`{"reason": ${lines[1]}}`)).toEqual({ reason: parts.join("") });
      }),
    );
  });

  test("garbage is not taken for mail, and breaks nothing", () => {
    const lines = fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .array(fc.constantFrom("normal", "inject", "late", "nowake", " ", "abcdefgh:1", ":", "\n", "abcdefgh"), {
          maxLength: 6,
        })
        .map((all) => all.join("")),
    );
    fc.assert(
      fc.property(lines, (content) => {
        const read = readSpoolHead(content);
        // What is taken as a head is exactly what would be written for it.
        if (read) expect(content.split("\n", 1)[0]).toBe(writeSpool(read, "").split("\n", 1)[0]);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    "",
    "\n",
    "normal",
    "urgent inject\n",
    "normal shout\n",
    "normal inject \n",
    "normal late\n",
    "normal inject late late\n",
    "normal inject nowake late\n",
    "normal nowake inject\n",
    "normal inject abcdefgh:1 late\n",
    "normal inject short:1\n",
    "normal inject abcdefgh\n",
    "normal inject abcdefgh:\n",
    "normal inject abcdefgh:x\n",
    "normal inject abcdefgh:1:2\n",
    "normal inject ../../etc/passwd:1\n",
    "normal inject abcdefgh:1 \n",
    " normal inject\n",
  ])("%j is no head", (content) => {
    expect(readSpoolHead(content)).toBeUndefined();
  });
});

test("the most urgent message decides how urgent the mail is", () => {
  expect(highestUrgency(["low", "interrupt", "normal"])).toBe("interrupt");
  expect(highestUrgency(["low", "normal"])).toBe("normal");
  expect(highestUrgency(["low"])).toBe("low");
});
