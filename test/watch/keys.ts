/** Keys for the tests of `cct watch`, and what the screen shows after them. */
import type { Key } from "../../src/cli/parts/context.ts";
import { settled } from "../../src/watch/layout.ts";
import { type Pressed, press } from "../../src/watch/press.ts";
import { plain } from "../../src/watch/rows.ts";
import type { State } from "../../src/watch/state.ts";
import { frameOf } from "../../src/watch/view.ts";
import { need, peer } from "./scene.ts";

let lastId = 0;
const outside = { newMessageId: () => `id-${++lastId}` };

/** A key by its name: `j`, `G`, `escape`, `ctrl-a`, `alt-return`. */
export function keyOf(name: string): Key {
  const [, how, plainName = ""] = /^(ctrl-|alt-|shift-)?(.+)$/s.exec(name) ?? [];
  const text = plainName.length === 1 || !/^[a-z]+$/.test(plainName) ? plainName : "";
  return {
    name: plainName.toLowerCase(),
    text: how === "ctrl-" ? "" : text,
    ctrl: how === "ctrl-",
    meta: how === "alt-",
    shift: how === "shift-",
  };
}

/** As the program does it: what one types is settled after each key. */
export function pressed(state: State, ...names: string[]): Pressed {
  let result: Pressed = { state };
  for (const name of names) {
    const next = press(result.state, keyOf(name), outside);
    result = { ...next, state: settled(result.state, next.state) };
  }
  return result;
}

export const typed = (text: string): string[] => [...text];
export const screenOf = (state: State): string => frameOf(state).rows.map(plain).join("\n");

export const three = [
  need({ need_id: "blocked.p2", kind: "blocked", peer_id: "p2", name: "payments" }),
  need({ need_id: "held.p1.p2", kind: "held", name: "api", other: "web", count: 2 }),
  need(),
];
export const peers = new Map(
  ["web", "api", "tests", "ios"].map((name, i) => [`p${i + 1}`, peer({ peer_id: `p${i + 1}`, name })]),
);
