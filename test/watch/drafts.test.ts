/** What was typed in `cct watch`: it is never lost, and never goes to somebody it was not written for. */
import { describe, expect, test } from "vitest";
import { notSent, sent } from "../../src/watch/compose.ts";
import { paste } from "../../src/watch/press.ts";
import type { State } from "../../src/watch/state.ts";
import type { Service } from "../../src/watch/words.ts";
import { peers, pressed, screenOf, three, typed } from "./keys.ts";
import { message, need, stateOf } from "./scene.ts";

const start = (): State => stateOf({ needs: three, peers });
const idOf = (state: State): string => state.composer?.attempt?.message_id ?? "";

const between = (): State => {
  const list = [message({ from: "p2", from_name: "api", to: "web", to_id: "p1" })];
  const talk = { key: "p1~p2", list, isLoading: false, problem: "", whole: new Set<string>() };
  return stateOf({ peers, view: "talk", inTalk: true, talk });
};

describe("while a send is on its way", () => {
  const sending = (): State => pressed(start(), "G", "c", ...typed("one"), "return").state;

  test("what is typed after a look elsewhere stays when the message has arrived, and is another message", () => {
    const first = sending();
    const edited = pressed(first, "escape", "c", ...typed(" two")).state;
    const after = sent(edited, idOf(first));
    expect(after.composer?.text.text).toBe("one two");
    const again = pressed(after, "return");
    expect(again.isSent).toBe(true);
    expect(idOf(again.state)).not.toBe(idOf(first));
    const aside = sent(pressed(edited, "escape").state, idOf(first));
    expect(pressed(aside, "c").state.composer?.text.text).toBe("one two");
  });

  test("what was not changed is gone when it has arrived, wherever one looks", () => {
    const first = sending();
    expect(sent(first, idOf(first)).composer).toBeUndefined();
    expect(sent(pressed(first, "escape").state, idOf(first)).drafts.size).toBe(0);
    expect(sent(pressed(first, "escape", "c").state, idOf(first)).composer).toBeUndefined();
  });

  test("when it is not confirmed, only the unchanged text is said to arrive once", () => {
    const first = sending();
    const unsure = notSent(first, idOf(first), "No answer.", true);
    expect(unsure.composer?.problem).toBe("Not confirmed; Enter sends it again, and it arrives once. No answer.");
    expect(idOf(pressed(unsure, "return").state)).toBe(idOf(first));
    const edited = pressed(first, "escape", "c", ...typed(" two")).state;
    expect(notSent(edited, idOf(first), "No answer.", true).composer?.problem).toBe(
      "Not confirmed: the text before your changes may have arrived. No answer.",
    );
  });
});

describe("why a text was not sent", () => {
  const refused = (why: string, columns = 80, rows = 24): State => {
    const first = pressed({ ...start(), columns, rows }, "G", "c", ...typed("one"), "return").state;
    return notSent(first, idOf(first), why, false);
  };

  test("is whole on the screen, and leaves room for the text", () => {
    const why =
      "There is no peer 'wen' and no person of that name. Look with cct peers. A pool is written @wen, or @wen/ann.";
    const rows = screenOf(refused(why)).split("\n");
    expect(rows.join(" ").replace(/\s+/g, " ")).toContain(why);
    expect(rows).toHaveLength(24);
    expect(rows.at(-1)).toMatch(/^Enter sends/);
    const low = screenOf(refused(why, 40, 10)).split("\n");
    expect(low).toHaveLength(10);
    expect(low.at(-1)).toMatch(/^Enter sends/);
    expect(low.join("\n")).toContain("  one");
  });

  test("is said no more once the address, the text or the urgency is another", () => {
    const state = refused("No such peer.");
    expect(screenOf(pressed(state, "shift-tab").state)).toContain("No such peer.");
    for (const keys of [["shift-tab", "x"], ["x"], ["tab"], ["alt-return"]])
      expect([keys, screenOf(pressed(state, ...keys).state).includes("No such peer.")]).toEqual([keys, false]);
    expect(paste(state, "more").composer?.problem).toBe("");
  });

  test("is said while it is so: what is lacking goes as soon as it is there", () => {
    const empty = pressed({ ...start(), peers: new Map() }, "c", "tab", ...typed("hi"), "return").state;
    expect(screenOf(empty)).toContain("To whom?");
    expect(screenOf(pressed(empty, "shift-tab", "w").state)).not.toContain("To whom?");
    const away = pressed({ ...start(), link: "lost" }, "G", "c", ...typed("hi"), "return").state;
    expect(screenOf(away)).toContain("The text stays here");
    expect(screenOf({ ...away, link: "live" })).not.toContain("The text stays here");
  });

  test("is said when the text was put aside meanwhile, until that is opened and changed", () => {
    const first = pressed(start(), "G", "c", ...typed("one"), "return").state;
    const aside = pressed(first, "escape").state;
    const told = notSent(aside, idOf(first), "No such peer.", false);
    expect(told.drafts.size).toBe(1);
    expect(screenOf(told)).toContain("Not sent to web; o opens it. No such peer.");
    // It stands there whatever one does elsewhere.
    const elsewhere = pressed(told, "k", "c", ...typed("other"), "escape", "2", "1").state;
    expect(screenOf(elsewhere)).toContain("Not sent to web; o opens it.");
    const opened = pressed(elsewhere, "o").state;
    expect(opened.composer).toMatchObject({ to: { text: "web" }, text: { text: "one" } });
    expect(screenOf(opened)).toContain("No such peer.");
    expect(screenOf(pressed(opened, "!", "escape").state)).not.toContain("Not sent");
    const again = pressed(opened, "return");
    expect(again.isSent).toBe(true);
    expect(sent(again.state, idOf(again.state)).drafts.has("operator~p1")).toBe(false);
  });
});

describe("a text that was put aside", () => {
  test("keeps its recipient and the message that it answers", () => {
    const { state } = pressed(between(), "r", ...typed("half"), "escape", "c");
    expect(state.composer).toMatchObject({
      to: { text: "api" },
      text: { text: "half" },
      answers: { message_id: "m1" },
    });
    expect(screenOf(state)).toContain("↳ api: May the form remember");
  });

  test("is tried again under its id", () => {
    const first = pressed(between(), "r", ...typed("half"), "return").state;
    const unsure = notSent(first, idOf(first), "No answer.", true);
    expect(idOf(pressed(unsure, "escape", "c", "return").state)).toBe(idOf(first));
  });

  test("becomes a reply when one answers a message with it", () => {
    const { state } = pressed(between(), "c", ...typed("half"), "escape", "r");
    expect(state.composer).toMatchObject({
      to: { text: "api" },
      text: { text: "half" },
      answers: { message_id: "m1" },
    });
  });

  test("to somebody else is not addressed to the owner of a service", () => {
    const needs = [need({ need_id: "service.s", kind: "service", name: "shop", service_id: "s", peer_id: undefined })];
    const service = (owner: string, owner_name: string): Service => ({
      service_id: "s",
      kind: "http",
      name: "shop",
      owner,
      owner_name,
      url: "http://localhost:1",
      host: "studio",
      health: "unhealthy",
      health_at: null,
    });
    const asking = (one: Service): State => {
      const empty = pressed(stateOf({ services: [one] }), "c", ...typed("web"), "tab", ...typed("for web"), "escape");
      const listed = { ...stateOf({ needs, peers, services: [one] }), drafts: empty.state.drafts };
      return pressed(listed, "a").state;
    };
    const gone = asking(service("p9", "docs"));
    expect(gone.composer).toMatchObject({ to: { text: "docs" }, text: { text: "" } });
    const there = asking(service("p3", "tests"));
    expect(there.composer).toMatchObject({ to: { text: "tests" }, text: { text: "" } });
    const aside = pressed(there, ...typed("up?"), "escape", "G", "k").state;
    expect(screenOf(pressed(aside, "c").state)).toContain("up?");
  });
});
