/** What somebody types into the search box: words, and filters such as `from:web`. */
import type { InputOf } from "../operations/index.ts";
import { deliveryStates } from "../rules/delivery.ts";
import { timeOf } from "../rules/times.ts";

const FILTER = /(?:^|\s)(from|in|with|is|since|before):(\S+)/g;
const MOST = 20;

/** The part that is words, and not a filter. */
export const wordsOf = (text: string): string => text.replace(FILTER, " ").trim();

/** What is asked of the broker, or what is wrong with a filter; `undefined`: too little to search for. */
export type Query = { input: InputOf<"search"> } | { problem: string } | undefined;

/** The last word may be unfinished. */
export function queryFrom(text: string, now: number): Query {
  const filters = new Map([...text.matchAll(FILTER)].map(([, name = "", value = ""]) => [name, value]));
  const words = wordsOf(text);
  if (words.length < 2) return undefined;
  const isOpen = /[\p{L}\p{N}]$/u.test(text) && !words.includes('"');
  const [from, with_, pool, is] = ["from", "with", "in", "is"].map((name) => filters.get(name));
  const state = deliveryStates.find((one) => one === is);
  if (is !== undefined && state === undefined)
    return { problem: `is:${is} is not a state. There are ${deliveryStates.join(", ")}.` };
  const times: { since?: number; before?: number } = {};
  for (const name of ["since", "before"] as const) {
    const written = filters.get(name);
    if (written === undefined) continue;
    const time = timeOf(written, now);
    if (time === undefined)
      return { problem: `${name}:${written} is not a time. Write 2h, 3d, 14:05, yesterday or 2026-11-26.` };
    times[name] = time;
  }
  return {
    input: {
      query: isOpen ? `${words}*` : words,
      limit: MOST,
      ...(from !== undefined && { from }),
      ...(with_ !== undefined && { with: with_ }),
      ...(pool !== undefined && { pool }),
      ...(state !== undefined && { state }),
      ...times,
    },
  };
}
