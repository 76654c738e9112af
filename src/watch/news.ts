/** What the broker says, put into the state. */
import type { OutputOf } from "../operations/index.ts";
import type { FeedBatch } from "../operations/support/feed-rows.ts";
import { talkOf } from "../rules/talk/key.ts";
import {
  MOST_IN_TALK,
  merged,
  type Part,
  trimmed,
  withFresh,
  withLatest,
  withNews,
  withoutOldest,
} from "../rules/talk/list.ts";
import { withSaid } from "../rules/talk/talks.ts";
import type { State, Talk } from "./state.ts";
import type { MessageRow, Overview } from "./words.ts";

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
  const news = new Map(receipts.map((one) => [one.message_id, one]));
  const conversations = withSaid(state.conversations, fresh, news);
  const { talk } = state;
  if (!talk) return { ...state, conversations };
  const mine = fresh.filter((message) => talkOf(message) === talk.key);
  const next = withFresh(talk, mine, true);
  return { ...state, conversations, talk: trimmed({ ...next, list: withNews(next.list, news) }) };
}

/** The latest messages of the open conversation, read again. `gapAfter`: after this place some may have been missed. */
export const withPage = (talk: Talk, page: Part<MessageRow>, gapAfter?: number): Talk =>
  trimmed({ ...talk, ...withLatest(talk, page, gapAfter), isLoading: false, problem: "" });

export const withOlder = (talk: Talk, { list, before }: Part<MessageRow>): Talk =>
  withoutOldest({ ...talk, list: merged(list, talk.list), before, isLoading: false }, MOST_IN_TALK);
