/** Editing a text: pure functions on the text and the place of the cursor. */
import type { Key } from "../cli/parts/context.ts";
import { charactersOf } from "./text.ts";

/** `at`: how many UTF-16 units stand before the cursor. */
export interface Field {
  text: string;
  at: number;
}

export const field = (text = ""): Field => ({ text, at: text.length });

export function insert({ text, at }: Field, more: string): Field {
  return { text: text.slice(0, at) + more + text.slice(at), at: at + more.length };
}

const before = ({ text, at }: Field): number => at - (charactersOf(text.slice(0, at)).at(-1)?.length ?? 0);
const after = ({ text, at }: Field): number => at + (charactersOf(text.slice(at))[0]?.length ?? 0);
const lineStart = ({ text, at }: Field): number => text.lastIndexOf("\n", at - 1) + 1;
const lineEnd = ({ text, at }: Field): number => {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
};
const wordStart = ({ text, at }: Field): number => /\S*\s*$/.exec(text.slice(0, at))?.index ?? 0;

/** Takes out what is between two places. */
const without = ({ text }: Field, from: number, to: number): Field => ({
  text: text.slice(0, from) + text.slice(to),
  at: from,
});

const LINE_KEYS: Record<string, (one: Field) => Field> = {
  left: (one) => ({ ...one, at: before(one) }),
  right: (one) => ({ ...one, at: after(one) }),
  home: (one) => ({ ...one, at: lineStart(one) }),
  end: (one) => ({ ...one, at: lineEnd(one) }),
  up: (one) => lineBy(one, -1),
  down: (one) => lineBy(one, 1),
  backspace: (one) => without(one, before(one), one.at),
  delete: (one) => without(one, one.at, after(one)),
};

const CONTROL_KEYS: Record<string, (one: Field) => Field> = {
  a: (one) => ({ ...one, at: lineStart(one) }),
  e: (one) => ({ ...one, at: lineEnd(one) }),
  b: (one) => ({ ...one, at: before(one) }),
  f: (one) => ({ ...one, at: after(one) }),
  h: (one) => without(one, before(one), one.at),
  d: (one) => without(one, one.at, after(one)),
  w: (one) => without(one, wordStart(one), one.at),
  u: (one) => without(one, lineStart(one), one.at),
  k: (one) => without(one, one.at, lineEnd(one)),
};

function lineBy(one: Field, by: -1 | 1): Field {
  const start = lineStart(one);
  const column = one.at - start;
  const target = by < 0 ? lineStart({ ...one, at: Math.max(0, start - 1) }) : lineEnd(one) + 1;
  if ((by < 0 && start === 0) || target > one.text.length) return one;
  return { ...one, at: Math.min(target + column, lineEnd({ ...one, at: target })) };
}

/** The field after a key; `undefined`: the key is not for a field. */
export function edited(one: Field, key: Key): Field | undefined {
  const work = key.ctrl ? CONTROL_KEYS[key.name] : key.meta ? undefined : LINE_KEYS[key.name];
  if (work) return work(one);
  const isText = key.text !== "" && !key.ctrl && !key.meta && !/[\u0000-\u001f\u007f]/.test(key.text);
  return isText ? insert(one, key.text) : undefined;
}
