/** The list of conversations, each with its last message: what the broker counts, and what came since. Everything here is pure. */
import { talkKey, talkOf } from "./talk-key.ts";
import { type News, newsOf } from "./talk-list.ts";
import type { Conversation, MessageRow } from "./types.ts";

const MOST = 200;

const latestFirst = (all: Iterable<Conversation>): Conversation[] =>
  [...all].sort((a, b) => b.last.seq - a.last.seq).slice(0, MOST);

/** The broker's answer, unless a message was heard that is newer: its counts are the broker's, its last message is that one. */
export function withCounted(known: readonly Conversation[], found: readonly Conversation[]): Conversation[] {
  const newest = found[0]?.last.seq ?? 0;
  const before = new Map(known.map((one) => [talkKey(one), one]));
  const all = new Map(known.filter(({ last }) => last.seq > newest).map((one) => [talkKey(one), one]));
  for (const one of found) {
    const heard = before.get(talkKey(one))?.last;
    all.set(talkKey(one), heard && heard.seq > one.last.seq ? { ...one, last: heard } : one);
  }
  return latestFirst(all.values());
}

/** With what was just said, and what became of earlier messages. `isTalk`: a message that belongs to a conversation. */
export function withSaid(
  known: readonly Conversation[],
  fresh: readonly MessageRow[],
  news: News,
  isTalk: (message: MessageRow) => boolean,
): Conversation[] {
  const all = new Map(known.map((one) => [talkKey(one), one]));
  for (const [key, one] of all) {
    const last = newsOf(one.last, news);
    if (last !== one.last) all.set(key, { ...one, last });
  }
  for (const message of fresh.filter(isTalk)) {
    const key = talkOf(message);
    all.set(key, { ...(all.get(key) ?? newTalk(key, message)), last: newsOf(message, news) });
  }
  return latestFirst(all.values());
}

function newTalk(key: string, message: MessageRow): Omit<Conversation, "last"> {
  const { from, from_name, to, pool, pool_id } = message;
  const both = key.split("~").map((id) => ({ id, name: id === from ? from_name : to }));
  const who = pool === undefined ? { key, with: both } : { key: `@${pool_id}`, pool_id, pool };
  return { ...who, failed: 0, held: 0 };
}
