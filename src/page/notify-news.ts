/** What a browser notifies of, by the rules of all notifications, and what it remembers of that. Everything here is pure. */
import { needKinds } from "../rules/attention.ts";
import { asTold, newsOf, subjectOf, type Told, upkeep } from "../rules/notifications.ts";
import type { Need, NeedKind } from "./types.ts";

/** `kinds`: those to notify of now; none while somebody sees the page. The rest counts as seen, and is not notified of later. */
export function lookAt(
  open: readonly Need[],
  before: readonly Told[],
  kinds: readonly NeedKind[],
  now: number,
): { news: Need[]; memory: Told[] } {
  const memory = new Map(before.map((told) => [told.subject, told]));
  const { keep, forget } = upkeep(open, memory, now);
  for (const told of keep) memory.set(told.subject, told);
  for (const subject of forget) memory.delete(subject);
  const news = newsOf(open, memory, { kinds, afterMs: 0 }, now);
  const unwanted = needKinds.filter((kind) => !kinds.includes(kind));
  // With an empty memory: all that could be notified of.
  for (const need of newsOf(open, new Map(), { kinds: unwanted, afterMs: 0 }, now)) {
    // To see something is no notification: more of it may be notified of at once.
    const told_at = memory.get(subjectOf(need))?.told_at ?? 0;
    memory.set(subjectOf(need), { ...asTold(need, now), told_at });
  }
  for (const need of news) memory.set(subjectOf(need), asTold(need, now));
  return { news, memory: [...memory.values()] };
}
