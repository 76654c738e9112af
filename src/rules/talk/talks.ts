/** The list of conversations, each with its last message: what the broker counts, and what came since. */
import { BROKER_NAME } from "../names.ts";
import { talkKey, talkOf } from "./key.ts";
import { type News, newsOf } from "./list.ts";
import type { Row } from "./row.ts";

/** What is asked for, and kept. */
export const MOST_TALKS = 200;

export interface Talk<M extends Row> {
  key: string;
  with?: { id: string; name: string }[] | undefined;
  pool?: string | undefined;
  pool_id?: string | undefined;
  last: M;
  failed: number;
  held: number;
}

const latestFirst = <T extends Talk<Row>>(all: Iterable<T>): T[] =>
  [...all].sort((a, b) => b.last.seq - a.last.seq).slice(0, MOST_TALKS);

/** The broker's answer, unless a message was heard that is newer: its counts are the broker's, its last message is that one. */
export function withCounted<T extends Talk<Row>>(known: readonly T[], found: readonly T[]): T[] {
  const newest = found[0]?.last.seq ?? 0;
  const before = new Map(known.map((one) => [talkKey(one), one]));
  const all = new Map(known.filter(({ last }) => last.seq > newest).map((one) => [talkKey(one), one]));
  for (const one of found) {
    const heard = before.get(talkKey(one))?.last;
    all.set(talkKey(one), heard && heard.seq > one.last.seq ? { ...one, last: heard } : one);
  }
  return latestFirst(all.values());
}

/** With what was just said, and what became of earlier messages. What the broker reports belongs to no conversation. */
export function withSaid<M extends Row, T extends Talk<M>>(
  known: readonly T[],
  fresh: readonly M[],
  news: News,
): (T | Talk<M>)[] {
  const all = new Map<string, T | Talk<M>>(known.map((one) => [talkKey(one), one]));
  for (const [key, one] of all) {
    const last = newsOf(one.last, news);
    if (last !== one.last) all.set(key, { ...one, last });
  }
  for (const message of fresh) {
    if (message.from === BROKER_NAME) continue;
    const key = talkOf(message);
    all.set(key, { ...(all.get(key) ?? newTalk(key, message)), last: newsOf(message, news) });
  }
  return latestFirst(all.values());
}

function newTalk<M extends Row>(key: string, message: M): Omit<Talk<M>, "last"> {
  const { from, from_name, to, pool, pool_id, recipients } = message;
  if (pool_id !== undefined) return { key: `@${pool_id}`, pool_id, pool, failed: 0, held: 0 };
  const names = new Map([
    [from, from_name],
    ...recipients.map(({ peer_id, name }): [string, string] => [peer_id, name]),
  ]);
  return { key, with: key.split("~").map((id) => ({ id, name: names.get(id) ?? to })), failed: 0, held: 0 };
}
