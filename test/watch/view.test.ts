/** The screen of `cct watch`, from what is known: it fits the terminal, and nothing that a session wrote gets through as it is. */
import fc from "fast-check";
import measure from "fast-string-truncated-width";
import { describe, expect, test } from "vitest";
import { createPainter } from "../../src/watch/paint.ts";
import { plain } from "../../src/watch/rows.ts";
import type { State } from "../../src/watch/state.ts";
import { wrapped } from "../../src/watch/text.ts";
import { frameOf } from "../../src/watch/view.ts";
import { anyState, message, need, peer, stateOf, wild } from "./scene.ts";

const screenOf = (state: State): string => frameOf(state).rows.map(plain).join("\n");

/** What a painter may write besides text: moves, clears, styles and modes of its own. */
const OWN = /\u001b\[(?:\d+;\d+H|\d+G|2K|2J|\d{1,2}m|\?(?:25|2026)[hl])|\u001b\]2;(?:\(\d+\) )?CCT\u0007/g;

describe("whatever is in names and texts", () => {
  test("the screen has the terminal's rows, and no row is wider than it", () => {
    fc.assert(
      fc.property(anyState, (state) => {
        const { rows, cursor } = frameOf(state);
        expect(rows).toHaveLength(state.rows);
        for (const row of rows) {
          expect(measure(plain(row)).width).toBeLessThanOrEqual(state.columns);
          for (const { at, pieces } of row)
            expect(at + measure(pieces.map(({ text }) => text).join("")).width).toBeLessThanOrEqual(state.columns);
        }
        if (cursor) expect(cursor.row < state.rows && cursor.column < state.columns).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test("no control, bidi or invisible character of theirs reaches the terminal", () => {
    fc.assert(
      fc.property(anyState, fc.boolean(), (state, colour) => {
        const written = createPainter(colour).next(frameOf(state)).replace(OWN, "");
        expect(written).not.toMatch(
          /[\p{Cc}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\u2028\u2029\ufff0-\ufffb]/u,
        );
        expect(written.isWellFormed()).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test("a text is broken into lines that fit, and none of its words is lost", () => {
    fc.assert(
      fc.property(wild(30), fc.integer({ min: 12, max: 100 }), (text, columns) => {
        for (const line of wrapped(text, columns)) expect(measure(line).width).toBeLessThanOrEqual(columns);
      }),
    );
    const words = Array.from({ length: 300 }, (_, i) => `word${i}`).join(" ");
    expect(wrapped(words, 31).join(" ")).toBe(words);
  });
});

const scene = (): Partial<State> => ({
  needs: [need(), need({ need_id: "blocked.p2", kind: "blocked", peer_id: "p2", name: "payments", detail: "in /pay" })],
  peers: new Map([
    ["p1", peer()],
    ["p2", peer({ peer_id: "p2", name: "payments", presence: "blocked", summary: "waits", waiting: 4 })],
  ]),
});

test("without colours every state is said in shapes and words", () => {
  const painted = createPainter(false).next(frameOf(stateOf(scene())));
  expect(painted).not.toMatch(/\u001b\[[\d;]*m/);
  const screen = screenOf(stateOf(scene()));
  expect(screen).toMatch(
    /^CCT {2}\[1 Now \(2\)\] {3}2 Talk {10,}ada@studio\n2 need you · 2 sessions: 1 active, 1 blocked\n/,
  );
  expect(screen).toMatch(/› ! web asks you {20,}60 s\n/);
  expect(screen).toMatch(/▣ payments +needs permission · 2 min +waits +4 waiting/);
});

test("a session of another agent says which, can be found by it, and is not at fault when it has no hooks", () => {
  const other = { agent: "other", wakes: false, midturn: false, hooks: "quiet" } as const;
  const peers = new Map([
    ["p1", peer()],
    ["p2", peer({ peer_id: "p2", name: "pay", presence: "idle", agent: "gemini", hooks: "quiet" })],
    ["p3", peer({ peer_id: "p3", name: "plain", presence: "idle", ...other })],
  ]);
  const screen = screenOf(stateOf({ peers }));
  expect(screen).toMatch(/● web {2,}active/);
  expect(screen).toMatch(/○ pay \(gemini\) +idle.*no live hook/);
  expect(screen).toMatch(/○ plain \(other\) +idle(?!.*no live hook)/);
});

test.each([80, 160])("long names that differ in their last characters are told apart at %i columns", (columns) => {
  const long = (end: string): string => `checkout-service-of-the-${end}`.padEnd(30, "x") + end;
  const [a, b] = [long("north"), long("south")];
  const peers = new Map([
    ["p1", peer({ peer_id: "p1", name: a })],
    ["p2", peer({ peer_id: "p2", name: b, agent: "gemini" })],
  ]);
  const needs = [
    need({ name: a, other: b, kind: "guard" }),
    need({ need_id: "held.p2", kind: "held", name: b, other: a }),
  ];
  const last = message({ from: "p2", from_name: b, text: "w ".repeat(90) });
  const ids = [a, b].map((name, i) => ({ id: `p${i + 1}`, name }));
  const conversations = [{ key: "p1~p2", with: ids, last, failed: 0, held: 0 }];
  const now = screenOf(stateOf({ peers, needs, conversations }, columns));
  const ends = (text: string, end: string): number => text.split(end).length - 1;
  // Both needs name both, and each session has its row.
  for (const end of ["north", "south"]) expect(ends(now, end), now).toBeGreaterThanOrEqual(3);
  expect(now).toContain(" (gemini)");
  const talks = screenOf(stateOf({ peers, conversations, view: "talk" }, columns));
  expect(talks).toMatch(/north ↔ \S+south/);
  expect(talks).toMatch(/\n│ {3}\S+south: w w /);
});

test("without sessions, what to do is said in full, however narrow the terminal is", () => {
  for (const columns of [40, 60, 80]) {
    const screen = screenOf(stateOf({}, columns, 24));
    expect(screen).not.toContain("…");
    const words = screen.replace(/\s+/g, " ");
    for (const command of ["cct up", "cct doctor", "cct demo"]) expect(words).toContain(command);
  }
});

test("hidden characters are named where they stand", () => {
  const text = "pay \u202eevil\u202c \u001b[2J \u200b";
  const talk = {
    key: "operator~p1",
    list: [message({ text })],
    isLoading: false,
    problem: "",
    whole: new Set<string>(),
  };
  const screen = screenOf(stateOf({ view: "talk", inTalk: true, talk }));
  expect(screen).toContain("pay ‹RLO›evil‹PDF› ‹ESC[2J› ‹ZWSP›");
});

test("a second picture repeats only the rows that changed", () => {
  const painter = createPainter(false);
  const before = stateOf(scene());
  painter.next(frameOf(before));
  expect(painter.next(frameOf(before))).toBe("");
  const more = painter.next(frameOf({ ...before, link: "lost" }));
  expect(more.match(/\u001b\[2K/g)).toHaveLength(1);
  expect(more).toContain("No connection to the broker.");
});
