import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { urgencies } from "../../src/rules/delivery.ts";
import {
  FRAME_BUDGET,
  FRAME_LIMIT,
  type FramedMessage,
  fitsFrame,
  frame,
  framedLength,
  NOT_YOUR_USER,
  quoteLines,
  takeFitting,
} from "../../src/rules/framing.ts";
import { isName } from "../../src/rules/names.ts";
import { stripInvisible } from "../../src/rules/text.ts";
import { hostileText, isControl, LINE_END, longHostileText, UNSEEN } from "../support/hostile.ts";

const messageId = fc.stringMatching(/^[A-Za-z0-9_-]{8,64}$/);
const peerId = fc.stringMatching(/^[0-9a-f]{32}$/);
const name = fc.stringMatching(/^[a-z0-9][a-zA-Z0-9._-]{0,38}[a-z0-9]$/).filter(isName);
const message = (text: fc.Arbitrary<string>): fc.Arbitrary<FramedMessage> =>
  fc.record({
    message_id: messageId,
    from: fc.oneof(peerId, fc.constant("operator")),
    from_name: name,
    to: fc.oneof(name, hostileText),
    pool: fc.option(name, { nil: undefined }),
    urgency: fc.constantFrom(...urgencies),
    text,
    sent_at: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    reply_to: fc.option(messageId, { nil: undefined }),
    redelivered: fc.boolean(),
  });
interface Read {
  place: string;
  from: string;
  id: string;
  body: string;
}

const OPENING = `from other sessions. ${NOT_YOUR_USER}`;
const HEAD =
  /^\[(\d+\/\d+)\] from (operator \(a person, at the CCT command line\)|\S+ \(peer [0-9a-f]{4}\))(?: · .*?)? · id (\S+)(?: · .*)?$/;

/** Parses a frame line by line. Every line that is not quoted must be one of the frame's own. */
function readFrame(text: string): Read[] {
  const found: Read[] = [];
  const [first = "", ...lines] = text.split(LINE_END);
  if (!/^CCT mail: \d+ messages? /.test(first) || !first.endsWith(OPENING)) throw new Error(`not an opening: ${first}`);
  for (const [i, line] of lines.entries()) {
    const last = found.at(-1);
    const head = HEAD.exec(line);
    if (head) found.push({ place: head[1] ?? "", from: head[2] ?? "", id: head[3] ?? "", body: "" });
    else if (line.startsWith("|") && last) last.body += `${line}\n`;
    else if (/^\(\d+ characters, too long to show here: call cct_check_messages to read it\)$/.test(line)) continue;
    else if (/^\d+ more: call cct_check_messages\.$/.test(line)) continue;
    else if (line.startsWith("(end of CCT mail;") && i === lines.length - 1) continue;
    else if (line !== "") throw new Error(`a line that is not ours stands unquoted: ${JSON.stringify(line)}`);
  }
  return found;
}

function expected(messages: readonly FramedMessage[], count: number): Read[] {
  return messages.map((one, i) => ({
    place: `${i + 1}/${count}`,
    from:
      one.from === "operator"
        ? "operator (a person, at the CCT command line)"
        : `${one.from_name} (peer ${one.from.slice(0, 4)})`,
    id: one.message_id,
    body: `${quoteLines(one.text)}\n`,
  }));
}

describe("a hostile message cannot", () => {
  test("close its frame, open another, or put text outside", () => {
    fc.assert(
      fc.property(fc.array(message(hostileText), { minLength: 1, maxLength: 5 }), fc.nat(3), (messages, more) => {
        expect(readFrame(frame(messages, more))).toEqual(expected(messages, messages.length));
      }),
      { numRuns: 2000 },
    );
  });

  test("hide or reorder text, or send control characters to the terminal", () => {
    fc.assert(
      fc.property(fc.array(message(hostileText), { minLength: 1, maxLength: 3 }), (messages) => {
        const text = frame(messages, 0);
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
          const lines = frame(all, 0, [{ ...notice, from_name }]).split("\n");
          const end = lines.pop();
          for (const line of lines) expect(line).not.toMatch(/<[\s/]*[\p{L}_!?|\uff5c]/u);
          // The frame's own words.
          expect(end?.replace(/<(sender's name|pool|id)>/g, "").replace("stands for <;", "")).not.toContain("<");
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("break a header line with its sender's name", () => {
    fc.assert(
      fc.property(message(hostileText), hostileText, (one, from_name) => {
        const text = frame([{ ...one, from_name }], 0);
        const unquoted = text.split(LINE_END).filter((line) => !line.startsWith("|") && line !== "");
        expect(unquoted).toHaveLength(3);
        expect(text).not.toMatch(UNSEEN);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("an ordinary message", () => {
  test("is unchanged inside its frame", () => {
    const text = 'Please rebase:\n\n  git rebase origin/main  # "quoted" &amp; 1 < 2 << 3\n| already quoted\n';
    const [read] = readFrame(frame([{ ...plain, text }], 0));
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
    const shown = frame([{ ...plain, text }], 0);
    expect(shown).toContain(
      quoted
        .split("\n")
        .map((line) => `| ${line}`)
        .join("\n"),
    );
    expect(shown.includes("(end of CCT mail; ‹ in it stands for <; to answer:")).toBe(text !== quoted);
  });

  test("shows sender, time, urgency and the redelivered mark", () => {
    const shown = frame([{ ...plain, urgency: "interrupt", redelivered: true, reply_to: "message-0" }], 2);
    const [, head] = shown.split("\n\n");
    expect(head?.split("\n")[0]).toBe(
      "[1/1] from api (peer abab) · 2026-01-02T03:04:05Z · interrupt · id message-1 · in reply to message-0 · REDELIVERED: you may have seen this one before",
    );
    expect(shown).toContain("2 more: call cct_check_messages.");
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
    const shown = frame([{ ...plain, to: "@feature-x", pool: "feature-x" }], 0);
    expect(shown).toContain("[1/1] from api (peer abab) · to @feature-x · 2026-01-02");
    expect(shown).toContain("or to=@<pool> for all its members, and reply_to=<id>)");
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
    const shown = frame([report(1), report(2), report(3), { ...plain }], 0);
    expect(shown).toContain("CCT mail: 2 messages");
    expect(shown).toContain("[1/2] from CCT itself (no session: what the broker reports) · to @x");
    expect(shown).toContain("| event 1\n| event 2\n| event 3\n");
    expect(shown).toContain("[2/2] from api");
  });

  test("reports about another pool, tasks and peers' messages are not merged", () => {
    const one = { ...report(1), text: "a" };
    for (const other of [report(2, { pool: "y" }), report(2, { urgency: "normal" }), report(2, { from: plain.from })])
      expect(frame([one, other], 0)).toContain("CCT mail: 2 messages");
  });

  test("merged reports never take more room than single ones", () => {
    const many = Array.from({ length: 300 }, (_, i) => report(i));
    const fit = takeFitting(many, FRAME_BUDGET);
    expect(fit.length).toBeGreaterThan(20);
    expect(frame(fit, 10).length).toBeLessThanOrEqual(FRAME_LIMIT);
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
      fc.property(mail, fc.nat(1_000_000), (messages, more) => {
        const fit = takeFitting(messages.filter(fitsFrame), FRAME_BUDGET);
        expect(frame(fit, more).length).toBeLessThanOrEqual(FRAME_LIMIT);
      }),
    );
  });

  test("holds for many short messages as for one long one", () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ ...plain, message_id: `message-${i}`, text: "k" }));
    const long = { ...plain, text: "x".repeat(FRAME_BUDGET - framedLength({ ...plain, text: "" }) - 1) };
    expect(framedLength(long)).toBe(FRAME_BUDGET);
    expect(frame(takeFitting(many, FRAME_BUDGET), 999).length).toBeLessThanOrEqual(FRAME_LIMIT);
    expect(frame([long], 999).length).toBeLessThanOrEqual(FRAME_LIMIT);
  });

  test("holds with the notices of a hundred oversized messages", () => {
    const notice = { from: "cd".repeat(16), from_name: "web", urgency: "normal" as const, characters: 60_000 };
    const notices = Array.from({ length: 100 }, (_, i) => ({ ...notice, message_id: `message-${i}` }));
    expect(frame([], 0, notices).length).toBeLessThanOrEqual(FRAME_LIMIT);
    expect(frame([plain], 0, notices).length).toBeLessThanOrEqual(FRAME_LIMIT);
  });
});

test("a notice of an oversized message names it without its text", () => {
  const text = frame([plain], 0, [
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
