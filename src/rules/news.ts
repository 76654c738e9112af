/** Changes of a pool's membership in words: a member reads them in one line, however many there were. */

import { others } from "./texts/notices.ts";

export const changes = ["joined", "role", "lead", "released", "left"] as const;
export type Change = (typeof changes)[number];

/** One change. `text`: the report about it in the pool's history, one or more sentences. */
export interface News {
  name: string;
  change: Change;
  text: string;
}

/** So many changes of one kind are told in full; of more, two names and a number. */
const IN_FULL = 3;
const NAMED = 2;

/** What changed in a pool, in order. A lead that has been replaced since is left out. */
export function newsLine(pool: string, all: readonly News[]): string {
  const lead = all.findLast(({ change }) => change === "lead");
  const told = all.filter((one) => one.change !== "lead" || one === lead);
  const parts: string[] = [];
  for (const [i, { change, text }] of told.entries()) {
    const same = told.filter((one) => one.change === change);
    if (same.length <= IN_FULL) parts.push(text);
    else if (told.findIndex((one) => one.change === change) === i) {
      const names = same.slice(0, NAMED).map(({ name }) => name);
      parts.push(`${names.join(", ")} and ${same.length - NAMED} others ${others[change]}.`);
    }
  }
  return `@${pool}: ${parts.join(" ")}`;
}
