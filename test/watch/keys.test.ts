/** What keys do in `cct watch`: moving, writing, and what is asked before it is done. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { settled } from "../../src/watch/layout.ts";
import { type Item, kept } from "../../src/watch/list.ts";
import { type Pressed, paste } from "../../src/watch/press.ts";
import type { State } from "../../src/watch/state.ts";
import { frameOf } from "../../src/watch/view.ts";
import { peers, pressed, screenOf, three, typed } from "./keys.ts";
import { anyState, message, need, stateOf } from "./scene.ts";

const chosen = (state: State): string | undefined => state.places.now.chosen;

describe("a list", () => {
  const item = (id: string, height: number): Item => ({ id, rows: Array.from({ length: height }, () => []) });
  const lists = fc.uniqueArray(fc.tuple(fc.constantFrom(..."abcdefghij"), fc.integer({ min: 1, max: 4 })), {
    selector: ([id]) => id,
    minLength: 1,
  });
  const rowOf = (items: readonly Item[], id: string | undefined): number => {
    const index = items.findIndex((one) => one.id === id);
    return items.slice(0, index).reduce((sum, { rows }) => sum + rows.length, 0);
  };

  test("does not move under what is chosen, whatever comes and goes around it", () => {
    fc.assert(
      fc.property(lists, lists, fc.integer({ min: 8, max: 12 }), fc.nat(), (some, others, height, at) => {
        const before = some.map(([id, rows]) => item(id, rows));
        const one = before[at % before.length];
        const rest = others.filter(([id]) => id !== one?.id).map(([id, rows]) => item(id, rows));
        const after = one ? [...rest.slice(0, 3), one, ...rest.slice(3)] : rest;
        const top = Math.max(0, rowOf(before, one?.id) - 2);
        const place = kept(before, after, { chosen: one?.id, top }, height);
        expect(place.chosen).toBe(one?.id);
        const total = after.reduce((sum, { rows }) => sum + rows.length, 0);
        const wanted = rowOf(after, one?.id) - (rowOf(before, one?.id) - top);
        // Only the ends of the list, and that it is seen as a whole, come first.
        if (
          wanted >= 0 &&
          wanted <= total - height &&
          rowOf(after, one?.id) + (one?.rows.length ?? 0) <= wanted + height
        )
          expect(place.top).toBe(wanted);
      }),
    );
  });

  test("keeps its place when something comes above it", () => {
    const before = pressed(stateOf({ needs: three, peers }, 80, 14), "j", "j", "j", "j").state;
    const row = screenOf(before)
      .split("\n")
      .findIndex((line) => line.startsWith("›"));
    const name = screenOf(before).split("\n")[row];
    const more = [need({ need_id: "vote.v", kind: "vote", pool: "x", proposal_id: "v" }), ...three];
    const after = settled(before, {
      ...before,
      needs: [...more, ...more.map((one) => ({ ...one, need_id: `${one.need_id}.2` }))],
    });
    expect(chosen(after)).toBe(chosen(before));
    expect(screenOf(after).split("\n")[row]).toBe(name);
  });

  test("an action meant for a row that has just gone does not hit the one in its place", () => {
    const before = pressed(stateOf({ needs: three, peers })).state;
    expect(chosen(before)).toBe("need:blocked.p2");
    const after = settled(before, { ...before, needs: three.slice(1) });
    expect(chosen(after)).toBe("need:held.p1.p2");
    const tooSoon = pressed(after, "a");
    expect(tooSoon.deed).toBeUndefined();
    expect(screenOf(tooSoon.state)).toContain("The list has changed");
    expect(pressed(after, "e").deed).toBeUndefined();
    expect(pressed(after, "j", "k", "a", "y")).toMatchObject({ of: { need_id: "held.p1.p2" } });
    expect(pressed({ ...after, now: after.now + 1_000 }, "a", "y")).toMatchObject({ of: { need_id: "held.p1.p2" } });
  });

  test("a key that is held acts on nothing more, until it was let go", () => {
    const before = pressed(stateOf({ needs: three, peers })).state;
    let held = settled(before, { ...before, needs: three.slice(1) });
    for (let ms = 0; ms < 3_000; ms += 40) {
      const next = pressed({ ...held, now: held.now + 40 }, "x");
      expect(next.deed).toBeUndefined();
      held = next.state;
    }
    expect(pressed({ ...held, now: held.now + 300 }, "x", "y")).toMatchObject({ of: { need_id: "held.p1.p2" } });
  });

  test("a second press does not repeat an action that is on its way, nor begin another one", () => {
    const first = pressed(stateOf({ needs: three.slice(1), peers }), "a", "y");
    expect(first).toMatchObject({ of: { need_id: "held.p1.p2" } });
    for (const key of ["a", "x", "e"]) expect(pressed(first.state, key).deed).toBeUndefined();
    expect(pressed(first.state, "j", "e")).toMatchObject({ of: { need_id: "question.m1" } });
  });

  test("what cannot be taken back is asked first, and only y does it", () => {
    const vote = need({ need_id: "vote.v", kind: "vote", name: "tests", pool: "den", proposal_id: "v" });
    const service = need({ need_id: "service.s", kind: "service", name: "shop", service_id: "s" });
    const asks: [of: ReturnType<typeof need>, key: string, question: string][] = [
      [vote, "a", "Release tests from @den?"],
      [vote, "x", "Keep tests in @den?"],
      [need({ kind: "held", name: "api", message_ids: ["m1", "m2"] }), "a", "Let 2 messages through to api?"],
      [need({ kind: "held", name: "api" }), "x", "Refuse 1 message to api?"],
      [service, "x", "Remove shop from the list?"],
    ];
    for (const [of, key, question] of asks) {
      const asked = pressed(stateOf({ needs: [of], peers }, 40), key);
      expect([key, asked.deed]).toEqual([key, undefined]);
      expect(screenOf(asked.state)).toContain(question.slice(0, 20));
      expect(screenOf(asked.state)).toMatch(/y yes {2}n no$/);
      for (const no of ["n", "escape"]) {
        const left = pressed(asked.state, no);
        expect(left.deed).toBeUndefined();
        expect(screenOf(left.state)).not.toContain("y yes");
      }
      expect(pressed(asked.state, "a", "x", "e", "return").deed).toBeUndefined();
      expect(pressed(asked.state, "y")).toMatchObject({ of: { need_id: of.need_id }, deed: expect.any(Function) });
    }
    // What can be taken back is done at once.
    expect(pressed(stateOf({ needs: [vote], peers }), "e").deed).toBeDefined();
  });

  test("the filter shows what has its words, and Esc shows all again", () => {
    const { state } = pressed(stateOf({ needs: three, peers }), "/", ..."tests", "return");
    expect(screenOf(state)).toContain("tests");
    expect(screenOf(state)).not.toContain("payments");
    expect(screenOf(pressed(state, "escape").state)).toContain("payments");
  });
});

describe("writing", () => {
  const start = (): State => stateOf({ needs: three, peers });

  test("keys are text there, and Enter sends it; what is empty is not sent", () => {
    const { state } = pressed(start(), "G", "c");
    expect(state.composer).toMatchObject({ to: { text: "web" }, field: "text" });
    expect(pressed(state, "return").isSent).toBeUndefined();
    const sent = pressed(state, ...typed("q1?x"), "return");
    expect(sent).toMatchObject({ isSent: true, state: { composer: { text: { text: "q1?x" }, isSending: true } } });
    expect(pressed(sent.state, ...typed("more")).state.composer?.text.text).toBe("q1?x");
  });

  test("what was typed is there again after a look elsewhere, and q asks before it is lost", () => {
    const { state } = pressed(start(), "G", "c", ...typed("half a"), "escape");
    expect(state.composer).toBeUndefined();
    expect(pressed(state, "2", "1", "c").state.composer?.text.text).toBe("half a");
    const asked = pressed(state, "q");
    expect(asked.isLeaving).toBeUndefined();
    expect(screenOf(asked.state)).toContain("A message that you wrote is not sent. Leave anyway?  y yes  n no");
    expect(pressed(asked.state, "n").isLeaving).toBeUndefined();
    expect(pressed(asked.state, "y").isLeaving).toBe(true);
  });

  test("pasted text keeps its lines, and is never taken for keys", () => {
    expect(paste(start(), "q\n")).toEqual(start());
    const { state } = pressed(start(), "G", "c");
    expect(paste(state, "one\r\ntwo\rthree").composer?.text.text).toBe("one\ntwo\nthree");
  });

  test("Tab completes an address, goes on to the text, and changes the urgency there", () => {
    const { state } = pressed({ ...start(), peers: new Map() }, "c");
    const here = { ...state, peers };
    expect(pressed(here, "t", "tab").state.composer).toMatchObject({ to: { text: "tests" }, field: "text" });
    const urgent = pressed(here, "i", "tab", "tab").state;
    expect(urgent.composer).toMatchObject({ to: { text: "ios" }, urgency: "interrupt" });
    expect(pressed(urgent, "shift-tab").state.composer?.field).toBe("to");
  });

  test("an interrupt to six sessions is asked about first, to five it is not", () => {
    const pool = (size: number) => ({ pool_id: "q", name: "team", purpose: "", size, created_at: 0 });
    const to = (size: number): Pressed => {
      const { state } = pressed(stateOf({ pools: [pool(size)] }), "c", ..."@team", "tab", "tab");
      return pressed(state, ...typed("stop"), "return");
    };
    expect(to(5).isSent).toBe(true);
    const asked = to(6);
    expect(asked.isSent).toBeUndefined();
    expect(screenOf(asked.state)).toContain("Interrupt 6 sessions?  y yes  n no");
    expect(pressed(asked.state, "n").state.composer?.text.text).toBe("stop");
    expect(pressed(asked.state, "y").isSent).toBe(true);
  });

  test("a list of recipients is not sent as one address: what to use is said", () => {
    const { state } = pressed({ ...start(), peers: new Map() }, "c", ..."web, api", "tab", ...typed("hi"), "return");
    expect(state.composer?.isSending).toBe(false);
    expect(screenOf(state)).toContain("For several: cct send ann,bob 'the text'");
  });

  test("without a connection nothing is sent, and the text stays", () => {
    const { state } = pressed(start(), "G", "c", ...typed("later"));
    const lost = pressed({ ...state, link: "lost" }, "return");
    expect(lost.isSent).toBeUndefined();
    expect(screenOf(lost.state)).toContain("There is no connection to the broker. The text stays here");
    expect(lost.state.composer?.text.text).toBe("later");
  });

  test("the cursor moves by characters as people see them", () => {
    const { state } = pressed(start(), "G", "c");
    const flags = paste(state, "a👨‍👩‍👧é");
    const less = pressed(flags, "backspace", "backspace").state;
    expect(less.composer?.text.text).toBe("a");
    expect(pressed(flags, "home", "x").state.composer?.text.text).toMatch(/^xa/);
    expect(pressed(paste(state, "one two"), "ctrl-w").state.composer?.text.text).toBe("one ");
    expect(pressed(paste(state, "one\ntwo"), "up", "end", "!").state.composer?.text.text).toBe("one!\ntwo");
  });

  test("a reply names the message that it answers, and goes to its sender", () => {
    const talk = {
      key: "p1~p2",
      list: [message({ from: "p2", from_name: "api", to: "web", to_id: "p1" })],
      isLoading: false,
      problem: "",
      whole: new Set<string>(),
    };
    const { state } = pressed(stateOf({ peers, view: "talk", inTalk: true, talk }), "r");
    expect(state.composer).toMatchObject({ to: { text: "api" }, answers: { message_id: "m1" } });
    expect(screenOf(state)).toContain("↳ api: May the form remember");
  });
});

test("a conversation stays at its end, and where one reads it does not move", () => {
  const list = Array.from({ length: 30 }, (_, i) => message({ seq: i + 1, message_id: `m${i}`, text: `text ${i}.` }));
  const talk = { key: "operator~p1", list, isLoading: false, problem: "", whole: new Set<string>() };
  const open = stateOf({ peers, view: "talk", inTalk: true, talk });
  const atEnd = pressed(open, "G").state;
  const more = [...list, message({ seq: 99, message_id: "new", text: "new one." })];
  const grown = (state: State): string => screenOf(settled(state, { ...state, talk: { ...talk, list: more } }));
  expect(grown(atEnd)).toContain("new one.");
  const above = pressed(atEnd, "k", "k", "k", "k", "k", "k", "k", "k", "k").state;
  expect(grown(above).split("\n").slice(3, 20)).toEqual(screenOf(above).split("\n").slice(3, 20));
});

test("no key, in whatever state, breaks it", () => {
  const keys = fc.constantFrom(
    ..."jkgGacerxtmpuq12?/[]y n",
    "return",
    "escape",
    "tab",
    "shift-tab",
    "up",
    "down",
    "left",
    "right",
    "home",
    "end",
    "pageup",
    "pagedown",
    "backspace",
    "delete",
    "ctrl-d",
    "ctrl-u",
    "ctrl-n",
    "ctrl-w",
    "alt-return",
    "alt-x",
    "語",
  );
  fc.assert(
    fc.property(anyState, fc.array(keys, { maxLength: 12 }), (state, names) => {
      const { state: after } = pressed(state, ...names);
      expect(frameOf(after).rows).toHaveLength(state.rows);
    }),
    { numRuns: 25 },
  );
});
