/** Needs as they may leave the machine with their texts: of what looks like a key or a password nothing is told. */
import type { Need } from "../../rules/attention.ts";
import { HIDDEN_WHAT, mayHoldSecret } from "../../rules/blocked-on.ts";

export async function withoutKeys(needs: readonly Need[]): Promise<Need[]> {
  const all: Need[] = [];
  for (const need of needs) {
    const { detail, what } = need;
    const isHidden = !((await isHarmless(detail)) && (what === undefined || (await isHarmless(what))));
    all.push(isHidden ? { ...need, detail: HIDDEN_WHAT, what: HIDDEN_WHAT } : need);
  }
  return all;
}

/** The end of a text that was cut: half a key is not known as one. */
const BROKEN_WORD = /\S{12,}…$/;

/** What cannot be checked stays here. */
async function isHarmless(text: string): Promise<boolean> {
  if (text === HIDDEN_WHAT) return true;
  if (BROKEN_WORD.test(text) || mayHoldSecret(text)) return false;
  try {
    const { findKeys } = await import("../../platform/secret-patterns.ts");
    return (await findKeys(text)).length === 0;
  } catch {
    return false;
  }
}
