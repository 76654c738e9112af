/** What the broker says, put into the state. */
import type { OutputOf } from "../operations/index.ts";
import type { FeedBatch } from "../operations/support/feed-rows.ts";
import { BROKER_NAME } from "../rules/names.ts";
import { keyOf, MOST_IN_TALK, type State, type Talk, talkOf } from "./state.ts";
import type { Conversation, MessageRow, Overview } from "./words.ts";

export const MOST_CONVERSATIONS = 200;

export function withOverview(state: State, overview: Overview): State {
  return {
    ...state,
    peers: new Map(overview.peers.map((peer) => [peer.peer_id, peer])),
    pools: overview.pools,
    services: overview.services,
  };
}

export const withNeeds = (state: State, { needs, more }: OutputOf<"attention">): State => ({
  ...state,
  needs,
  moreNeeds: more,
});

export function withBatch(state: State, batch: FeedBatch): State {
  return withMessages(withPools(withPeers(state, batch), batch), batch);
}

function withPeers(state: State, { mail = {}, peers: changed = [], gone = [] }: FeedBatch): State {
  const peers = new Map(state.peers);
  for (const [id, waiting] of Object.entries(mail)) {
    const peer = peers.get(id);
    if (peer) peers.set(id, { ...peer, waiting });
  }
  for (const peer of changed) peers.set(peer.peer_id, peer);
  for (const id of gone) peers.delete(id);
  return { ...state, peers };
}

function withPools(state: State, { pools: changed = [], gone_pools: gone = [] }: FeedBatch): State {
  if (changed.length === 0 && gone.length === 0) return state;
  const pools = new Map(state.pools.map((pool) => [pool.pool_id, pool]));
  for (const pool of changed) pools.set(pool.pool_id, pool);
  for (const id of gone) pools.delete(id);
  return { ...state, pools: [...pools.values()] };
}

function withMessages(state: State, { messages: fresh = [], receipts = [] }: FeedBatch): State {
  if (fresh.length === 0 && receipts.length === 0) return state;
  const became = new Map(receipts.map((one) => [one.message_id, one]));
  const settled = (message: MessageRow): MessageRow => {
    const now = became.get(message.message_id);
    return now ? { ...message, ...now } : message;
  };
  const talks = new Map(state.conversations.map((one) => [keyOf(one), { ...one, last: settled(one.last) }]));
  for (const message of fresh) {
    // What the broker reports belongs to no conversation.
    if (message.from === BROKER_NAME) continue;
    const key = talkOf(message);
    talks.set(key, { ...(talks.get(key) ?? newTalk(key, message)), last: settled(message) });
  }
  const conversations = [...talks.values()].sort((a, b) => b.last.seq - a.last.seq).slice(0, MOST_CONVERSATIONS);
  const { talk } = state;
  if (!talk) return { ...state, conversations };
  const mine = fresh.filter((message) => talkOf(message) === talk.key);
  const list = merged(talk.list, mine).map(settled);
  return { ...state, conversations, talk: bounded({ ...talk, list }) };
}

/** The oldest are left out, and can be asked for again. */
function bounded(talk: Talk): Talk {
  const list = talk.list.slice(-MOST_IN_TALK);
  return list.length === talk.list.length ? talk : { ...talk, list, before: list[0]?.seq };
}

/** The broker's list: its counts are right, but a message that was heard may be newer than it. */
export function withCounted(known: readonly Conversation[], found: readonly Conversation[]): Conversation[] {
  const newest = found[0]?.last.seq ?? 0;
  const before = new Map(known.map((one) => [keyOf(one), one]));
  const all = new Map(known.filter(({ last }) => last.seq > newest).map((one) => [keyOf(one), one]));
  for (const one of found) {
    const heard = before.get(keyOf(one))?.last;
    all.set(keyOf(one), heard && heard.seq > one.last.seq ? { ...one, last: heard } : one);
  }
  return [...all.values()].sort((a, b) => b.last.seq - a.last.seq).slice(0, MOST_CONVERSATIONS);
}

function newTalk(key: string, message: MessageRow): Conversation {
  const { pool_id, pool } = message;
  if (pool_id !== undefined) return { key: `@${pool_id}`, pool_id, pool, last: message, failed: 0, held: 0 };
  const names = new Map([
    [message.from, message.from_name],
    ...message.recipients.map(({ peer_id, name }): [string, string] => [peer_id, name]),
  ]);
  const with_ = key.split("~").map((id) => ({ id, name: names.get(id) ?? message.to }));
  return { key, with: with_, last: message, failed: 0, held: 0 };
}

/** Each message once, oldest first. A text that is there as a whole is not replaced by its beginning. */
function merged(first: readonly MessageRow[], second: readonly MessageRow[]): MessageRow[] {
  const all = new Map(first.map((message) => [message.message_id, message]));
  for (const message of second) {
    const before = all.get(message.message_id);
    const text = before && before.text.length > message.text.length ? before.text : message.text;
    all.set(message.message_id, { ...message, text });
  }
  return [...all.values()].sort((a, b) => a.seq - b.seq);
}

export interface MessagePage {
  list: MessageRow[];
  before: number | undefined;
}

/** A page of messages, in the shape that the feed has. */
export function pageFrom({ messages, next }: OutputOf<"messages">): MessagePage {
  return { list: messages.map(fromHistory).reverse(), before: next };
}

function fromHistory(message: OutputOf<"messages">["messages"][number]): MessageRow {
  const recipients = message.recipients.map(({ attempts: _, delivered_at, read_at, address: __, ...rest }) => ({
    ...rest,
    ...(delivered_at !== null && { delivered_at }),
    ...(read_at !== null && { read_at }),
  }));
  const states: MessageRow["states"] = {};
  for (const { state, recipients: count } of message.states ?? []) states[state] = count;
  if (message.states === undefined) for (const { state } of recipients) states[state] = (states[state] ?? 0) + 1;
  const to_id = message.pool === undefined ? recipients[0]?.peer_id : undefined;
  return {
    ...message,
    ...(to_id !== undefined && { to_id }),
    characters: message.characters ?? message.text.length,
    states,
    recipients,
  };
}

/**
 * The latest messages of the open conversation, read again. `gapAfter`: after this place some may have been missed, so that older ones
 * stay only if the page reaches back to it. What came while the page was read stays.
 */
export function withLatest(talk: Talk, page: MessagePage, gapAfter = Number.MAX_SAFE_INTEGER): Talk {
  const first = page.list[0]?.seq ?? Number.MAX_SAFE_INTEGER;
  const last = page.list.at(-1)?.seq ?? 0;
  const newer = talk.list.filter(({ seq }) => seq > last);
  const older = first <= gapAfter ? talk.list.filter(({ seq }) => seq < first) : [];
  const list = merged(merged(older, page.list), newer);
  const before = older.length > 0 ? talk.before : page.before;
  return bounded({ ...talk, list, before, isLoading: false, problem: "" });
}

export const withOlder = (talk: Talk, { list, before }: MessagePage): Talk =>
  bounded({ ...talk, list: merged(list, talk.list), before, isLoading: false });
