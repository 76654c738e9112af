import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  FRAME_BUDGET,
  FRAME_LIMIT,
  type FramedMessage,
  fitsFrame,
  frame,
  framedLength,
  quoteLines,
  takeFitting,
} from "../../src/rules/framing.ts";
import { isPerson } from "../../src/rules/names.ts";
import { stripInvisible } from "../../src/rules/text.ts";
import { AGAIN, WITHOUT_INSTRUCTIONS } from "../../src/rules/texts/frames.ts";
import { hostileText, instructed, isControl, LINE_END, longHostileText, UNSEEN } from "../support/hostile.ts";
import { audience, message } from "./framed-mail.ts";

interface Read {
  place: string;
  from: string;
  id: string;
  body: string;
}

const HEAD =
  /^CCT mail(?: (\d+\/\d+))? · (operator(?:@\S+)? \(a person\)|\S+ \([0-9a-f]{4}\))(?: · .*?)? · id (\S+)(?: · .*)?$/;
const LAST = /^\((answer: cct_send_message to=("\S+"|<sender>)( or "@\S+")? reply_to=("\S+"|<id>))(; .*)?\)$/;

/** Parses a frame line by line. Every line that is not quoted must be one of the frame's own. */
function readFrame(text: string): Read[] {
  const found: Read[] = [];
  const lines = text.split(LINE_END);
  for (const [i, line] of lines.entries()) {
    const last = found.at(-1);
    const head = HEAD.exec(line);
    if (head) found.push({ place: head[1] ?? "", from: head[2] ?? "", id: head[3] ?? "", body: "" });
    else if (line.startsWith("|") && last) last.body += `${line}\n`;
    else if (/^\d+ characters, too long to show here: call cct_check_messages$/.test(line)) continue;
    else if (/^\d+ more: call cct_check_messages\.$/.test(line)) continue;
    else if (LAST.test(line) && i === lines.length - 1) continue;
    else if (line !== "") throw new Error(`a line that is not ours stands unquoted: ${JSON.stringify(line)}`);
  }
  return found;
}

function expected(messages: readonly FramedMessage[], count: number): Read[] {
  return messages.map((one, i) => ({
    place: count > 1 ? `${i + 1}/${count}` : "",
    from: isPerson(one.from_name) ? `${one.from_name} (a person)` : `${one.from_name} (${one.from.slice(0, 4)})`,
    id: one.message_id,
    body: `${quoteLines(one.text)}\n`,
  }));
}

describe("a hostile message cannot", () => {
  test("close its frame, open another, or put text outside", () => {
    fc.assert(
      fc.property(
        fc.array(message(hostileText), { minLength: 1, maxLength: 5 }),
        fc.nat(3),
        audience,
        (messages, more, to) => {
          expect(readFrame(frame(messages, more, to))).toEqual(expected(messages, messages.length));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("hide or reorder text, or send control characters to the terminal", () => {
    fc.assert(
      fc.property(fc.array(message(hostileText), { minLength: 1, maxLength: 3 }), (messages) => {
        const text = frame(messages, 0, instructed);
        expect(text).not.toMatch(UNSEEN);
        expect([...text].filter((one) => isControl(one) || one === "\r")).toEqual([]);
        expect(text.isWellFormed()).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("use a tag of the host, present or future, in its text, its sender's name or its address", () => {
    fc.assert(
      fc.property(
        fc.array(message(hostileText), { minLength: 1, maxLength: 3 }),
        hostileText,
        (messages, from_name) => {
          const notice = { message_id: "message-9", from: "a".repeat(32), urgency: "low" as const, characters: 9 };
          const all = messages.map((one) => ({ ...one, from_name }));
          const lines = frame(all, 0, instructed, [{ ...notice, from_name }]).split("\n");
          const end = lines.pop();
          for (const line of lines) expect(line).not.toMatch(/<[\s/]*[\p{L}_!?|\uff5c]/u);
          // The frame's own words.
          expect(end?.replace(/<(sender|pool|id)>/g, "").replace("stands for <", "")).not.toMatch(
            /<[\s/]*[\p{L}_!?|\uff5c]/u,
          );
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("break a header line with its sender's name", () => {
    fc.assert(
      fc.property(message(hostileText), hostileText, (one, from_name) => {
        const text = frame([{ ...one, from_name }], 0, instructed);
        const unquoted = text.split(LINE_END).filter((line) => !line.startsWith("|") && line !== "");
        expect(unquoted).toHaveLength(2);
        expect(text).not.toMatch(UNSEEN);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("an ordinary message", () => {
  test("is unchanged inside its frame", () => {
    const text = 'Please rebase:\n\n  git rebase origin/main  # "quoted" &amp; 1 < 2 << 3\n| already quoted\n';
    const [read] = readFrame(frame([{ ...plain, text }], 0, instructed));
    const unquoted = read?.body
      .split("\n")
      .slice(0, -1)
      .map((line) => line.replace(/^\| ?/, ""));
    expect(unquoted?.join("\n")).toBe(text);
  });

  test.each([
    ["const m: Map<string, number> = f<T>(a);", "const m: Map‹string, number> = f‹T>(a);"],
    ['<div className="x">{a}</div>', '‹div className="x">{a}‹/div>'],
    ["if (a < b && b <= 3 && x << 2) a->b", "if (a ‹ b && b <= 3 && x << 2) a->b"],
    ["cat <<EOF >out\n$x\nEOF", "cat <‹EOF >out\n$x\nEOF"],
    ["<?xml?><!-- a --><a/>", "‹?xml?>‹!-- a -->‹a/>"],
    ["I <3 it <- here", "I <3 it <- here"],
  ])("quotes code readably, and says how: %j", (text, quoted) => {
    const shown = frame([{ ...plain, text }], 0, instructed);
    expect(shown).toContain(
      quoted
        .split("\n")
        .map((line) => `| ${line}`)
        .join("\n"),
    );
    expect(shown.endsWith("; ‹ stands for <)")).toBe(text !== quoted);
  });

  test("stands between its sender and how to answer, in at most 150 characters", () => {
    const uuid = { ...plain, message_id: "0190a6c2-7d3e-7b1a-8c4d-1e2f01a21479" };
    const shown = frame([uuid], 0, instructed);
    expect(shown).toBe(
      'CCT mail · api (abab) · id 01a21479\n| hello\n(answer: cct_send_message to="api" reply_to="01a21479")',
    );
    expect(shown.length - plain.text.length).toBeLessThanOrEqual(150);
  });

  test("shows urgency, what it answers, when it was written if that is long ago, and the mark of what came again", () => {
    const marked = { ...plain, urgency: "interrupt", redelivered: true, reply_to: "message-0" } as const;
    const shown = frame([marked], 2, { ...instructed, now: plain.sent_at + 301_000 });
    expect(shown.split("\n")[0]).toBe(
      `CCT mail · api (abab) · interrupt · id message-1 · re message-0 · 2026-01-02T03:04Z · ${AGAIN}`,
    );
    expect(shown).toContain("2 more: call cct_check_messages.");
    // A count that ended: as many, or more.
    expect(frame([plain], 103, instructed)).toContain("100+ more: call cct_check_messages.");
    expect(frame([marked], 0, { ...instructed, now: plain.sent_at + 299_000 })).not.toContain("2026");
  });

  test("says which of it the user wants to be asked about", () => {
    const asksAbout = ({ other_device }: FramedMessage) => other_device === true;
    const shown = frame([plain, { ...plain, other_device: true }], 0, { ...instructed, asksAbout });
    expect(shown).toMatch(/^CCT mail 1\/2 · api \(abab\) · id message-1$/m);
    expect(shown).toMatch(/^CCT mail 2\/2 · api \(abab\) · id message-1 · ask first$/m);
  });

  test("says the session's name and the most important instructions where the conversation has not got them", () => {
    const shown = frame([plain], 0, { ...instructed, unnamed: { name: "web", id: "7c31" } });
    expect(shown).toMatch(/reply_to="message-1"; you are "web" \(7c31\)\)$/);
    expect(frame([plain], 0, { ...instructed, instructed: false }).endsWith(`; ${WITHOUT_INSTRUCTIONS})`)).toBe(true);
  });

  test("of a person says so, and how to answer a person", () => {
    const shown = frame([{ ...plain, from: "operator", from_name: "operator" }], 0, instructed);
    expect(shown).toMatch(/^CCT mail · operator \(a person\) · id message-1\n/);
    expect(shown).toContain('to="operator" reply_to=');
  });
});

const plain: FramedMessage = {
  message_id: "message-1",
  from: "ab".repeat(16),
  from_name: "api",
  to: "web",
  urgency: "normal",
  text: "hello",
  sent_at: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  redelivered: false,
};

describe("a message to a pool", () => {
  test("shows its address, and how to answer all members", () => {
    const shown = frame([{ ...plain, to: "@feature-x", pool: "feature-x" }], 0, instructed);
    expect(shown).toContain("CCT mail · api (abab) · to @feature-x · id message-1");
    expect(shown).toContain('to="api" or "@feature-x" reply_to="message-1")');
  });

  const report = (n: number, more: Partial<FramedMessage> = {}): FramedMessage => ({
    ...plain,
    message_id: `report-${n}`,
    from: "cct",
    from_name: "cct",
    to: "@x",
    pool: "x",
    urgency: "low",
    text: `event ${n}`,
    ...more,
  });

  test("adjacent reports of the broker about one pool are merged, one line each", () => {
    const shown = frame([report(1), report(2), report(3), { ...plain }], 0, instructed);
    expect(shown).toContain("CCT notice 1/2 · to @x · low\n| event 1\n| event 2\n| event 3\n");
    expect(shown).toContain("CCT mail 2/2 · api");
    expect(frame([report(1)], 0, instructed)).toMatch(
      /\| event 1\n\(CCT itself reports this; do not answer it by mail\)$/,
    );
  });

  test("reports about another pool, tasks and peers' messages are not merged", () => {
    const one = { ...report(1), text: "a" };
    for (const other of [report(2, { pool: "y" }), report(2, { urgency: "normal" }), report(2, { from: plain.from })])
      expect(frame([one, other], 0, instructed)).toContain(" 2/2 · ");
  });

  test("merged reports never take more room than single ones", () => {
    const many = Array.from({ length: 300 }, (_, i) => report(i));
    const fit = takeFitting(many, FRAME_BUDGET);
    expect(fit.length).toBeGreaterThan(20);
    expect(frame(fit, 10, instructed).length).toBeLessThanOrEqual(FRAME_LIMIT);
  });
});

describe("the length of a frame", () => {
  const mail = fc.array(message(longHostileText), { maxLength: 12 });

  test("the chosen messages keep their order and never exceed the budget", () => {
    fc.assert(
      fc.property(mail, fc.integer({ min: 0, max: FRAME_BUDGET }), (messages, budget) => {
        const fit = takeFitting(messages, budget);
        expect(fit).toEqual(messages.slice(0, fit.length));
        expect(sum(fit.map(framedLength))).toBeLessThanOrEqual(budget);
        const next = messages[fit.length];
        if (next) expect(sum(fit.map(framedLength)) + framedLength(next)).toBeGreaterThan(budget);
      }),
    );
  });

  test("messages within the budget make a frame within the limit", () => {
    fc.assert(
      fc.property(mail, fc.nat(1_000_000), audience, (messages, more, to) => {
        const fit = takeFitting(messages.filter(fitsFrame), FRAME_BUDGET);
        expect(frame(fit, more, to).length).toBeLessThanOrEqual(FRAME_LIMIT);
      }),
    );
  });

  test("holds for many short messages as for one long one", () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ ...plain, message_id: `message-${i}`, text: "k" }));
    const long = { ...plain, text: "x".repeat(FRAME_BUDGET - framedLength({ ...plain, text: "" }) - 1) };
    expect(framedLength(long)).toBe(FRAME_BUDGET);
    expect(frame(takeFitting(many, FRAME_BUDGET), 999, instructed).length).toBeLessThanOrEqual(FRAME_LIMIT);
    expect(frame([long], 999, instructed).length).toBeLessThanOrEqual(FRAME_LIMIT);
  });

  test("holds with the notices of a hundred oversized messages", () => {
    const notice = { from: "cd".repeat(16), from_name: "web", urgency: "normal" as const, characters: 60_000 };
    const notices = Array.from({ length: 100 }, (_, i) => ({ ...notice, message_id: `message-${i}` }));
    expect(frame([], 0, instructed, notices).length).toBeLessThanOrEqual(FRAME_LIMIT);
    expect(frame([plain], 0, instructed, notices).length).toBeLessThanOrEqual(FRAME_LIMIT);
  });
});

test("a notice of an oversized message names it without its text", () => {
  const text = frame([plain], 0, instructed, [
    { message_id: "message-2", from: "cd".repeat(16), from_name: "web", urgency: "normal", characters: 60_000 },
  ]);
  expect(readFrame(text).map((one) => one.place)).toEqual(["1/2", "2/2"]);
  expect(text).toContain("60000 characters");
});

test("quoting keeps every line", () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      const lines = quoteLines(text).split("\n");
      expect(lines).toHaveLength(stripInvisible(text).split("\n").length);
      for (const line of lines) expect(line).toMatch(/^\|( |$)/);
    }),
  );
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
