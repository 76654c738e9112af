import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { urgencies } from "../../src/rules/delivery.ts";
import {
  deliveryMethodOf,
  formatStageName,
  highestUrgency,
  isPrivateName,
  modes,
  newBatch,
  parseStageName,
  privateName,
  readSpoolHead,
  type SpoolHead,
  type StageName,
  stages,
  writeSpool,
} from "../../src/rules/spoolfile.ts";

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
  test("parses what was written, for any text", () => {
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

  test("keeps the JSON text on one line, so a hook can embed that line unchanged", () => {
    const hostile = fc.array(fc.constantFrom("\n", "\r", '"', "\\", "\u2028", "\0", "}", "x"), { maxLength: 20 });
    fc.assert(
      fc.property(head, hostile, (written, parts) => {
        const lines = writeSpool(written, parts.join("")).split("\n");
        expect(JSON.parse(`{"reason": ${lines[1]}}`)).toEqual({ reason: parts.join("") });
      }),
    );
  });

  test("rejects garbage", () => {
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
        // An accepted head is exactly what would be written for it.
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
  ])("%j is not a head line", (content) => {
    expect(readSpoolHead(content)).toBeUndefined();
  });
});

test("mail is as urgent as its most urgent message", () => {
  expect(highestUrgency(["low", "interrupt", "normal"])).toBe("interrupt");
  expect(highestUrgency(["low", "normal"])).toBe("normal");
  expect(highestUrgency(["low"])).toBe("low");
});

describe("the name of a taken file", () => {
  const batch = fc
    .tuple(
      fc.constantFrom("PreToolUse", "PostToolBatch", "UserPromptSubmit", "Stop", "FileChanged", "Waiter", "check"),
      fc.nat(4_194_304),
      fc.nat(9_999_999_999),
    )
    .map(([event, pid, unique]) => newBatch(event, `${pid}-${unique}`));
  const name: fc.Arbitrary<StageName> = fc.record({ stage: fc.constantFrom(...stages), batch });

  test("reads back as it was formatted", () => {
    fc.assert(
      fc.property(name, (one) => {
        expect(parseStageName(formatStageName(one))).toEqual(one);
      }),
    );
  });

  test("keeps its batch, and with it the delivery method, through every change of stage", () => {
    fc.assert(
      fc.property(name, fc.array(fc.constantFrom(...stages)), (first, later) => {
        let file = formatStageName(first);
        for (const stage of later) file = formatStageName({ ...(parseStageName(file) ?? first), stage });
        expect(parseStageName(file)).toEqual({ stage: later.at(-1) ?? first.stage, batch: first.batch });
        expect(deliveryMethodOf(parseStageName(file)?.batch ?? "")).toBe(deliveryMethodOf(first.batch));
      }),
    );
  });

  test("is parsed from anything or not at all, and then formats to the same name", () => {
    const parts = fc.array(fc.constantFrom(...stages, ".", "-", "mail", "Stop", "1", "tmp"), { maxLength: 8 });
    const anything = fc.oneof(
      fc.string(),
      parts.map((all) => all.join("")),
    );
    fc.assert(
      fc.property(anything, (text) => {
        const parsed = parseStageName(text);
        if (parsed) expect(formatStageName(parsed)).toBe(text);
      }),
    );
  });

  test.each(["mail", "taken", "taken.", "done", ".lost.taken.Stop-1-1", ".tmp.x", "server", `read.${"x".repeat(65)}`])(
    "%s is none",
    (text) => expect(parseStageName(text)).toBeUndefined(),
  );

  test("tells how the mail was shown", () => {
    const method = (event: string) => deliveryMethodOf(newBatch(event, "1-1"));
    expect(["FileChanged", "Waiter"].map(method)).toEqual(["wake", "wake"]);
    expect(["PreToolUse", "PostToolBatch", "constructor"].map(method)).toEqual(["tool", "tool", "tool"]);
    expect(["Stop", "UserPromptSubmit", "check"].map(method)).toEqual(["stop", "prompt", "check"]);
  });

  test("is private to the session server while the server works on the file", () => {
    fc.assert(
      fc.property(name, (one) => {
        for (const file of [privateName.withdrawn(one), privateName.takenBack(one.batch)]) {
          expect(isPrivateName(file)).toBe(true);
          expect(parseStageName(file)).toBeUndefined();
        }
        expect(isPrivateName(formatStageName(one))).toBe(false);
      }),
    );
  });
});
