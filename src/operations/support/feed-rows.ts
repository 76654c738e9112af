/** The rows of a batch of the feed, read when the batch is made: few statements, however much happened. */
import type * as z from "zod";
import type { Collected } from "../../rules/feed.ts";
import { isPerson } from "../../rules/names.ts";
import { listedPeers, listedPools, waitingOf } from "../../store/overview.ts";
import { previewsAt, receiptsOf, seqsOf } from "../../store/previews.ts";
import type { Sql } from "../../store/store.ts";
import { together } from "../../store/together.ts";
import { type messageRow, type receiptsShape, toMessageRow, toReceipts } from "./message-rows.ts";
import {
  type Mutes,
  mutesFor,
  type peerRow,
  peerRows,
  type poolRow,
  publicPeerRow,
  toPoolRow,
} from "./overview-shapes.ts";

/** Everything is optional: what did not change is left out. */
export interface FeedBatch {
  /** New ones, oldest first. */
  messages?: z.input<typeof messageRow>[];
  /** What became of earlier ones. */
  receipts?: ({ message_id: string; seq: number } & z.input<typeof receiptsShape>)[];
  /** How many messages wait for a peer, by peer_id. */
  mail?: Record<string, number>;
  peers?: z.input<typeof peerRow>[];
  /** Peers that were removed. */
  gone?: string[];
  pools?: z.input<typeof poolRow>[];
  /** Pools that were archived. */
  gone_pools?: string[];
  /** The services changed: read them again. */
  services?: true;
  /** What needs the operator may have changed: ask `attention` again. */
  attention?: true;
  /** Something was left out: read the overview again. */
  look_again?: true;
}

/** The batch as the operator sees it, and as another machine does. */
export interface Batches {
  all: FeedBatch;
  public: FeedBatch;
}

const noMutes: Mutes = new Map();

export async function batchOf(sql: Sql, collected: Collected, now: number): Promise<Batches> {
  const { messages: fresh, receipts: changed, mail, pools: poolIds, services, attention } = collected;
  const ids = new Set([...collected.peers, ...collected.memberships]);
  const [previews, seqs, peers, waiting, pools, mutes] = await together(
    previewsAt(sql, [...fresh]),
    seqsOf(
      sql,
      [...changed].filter((seq) => !fresh.has(seq)),
    ),
    listedPeers(sql, [...ids]),
    waitingOf(
      sql,
      [...mail].filter((id) => !ids.has(id)),
    ),
    listedPools(sql, [...poolIds]),
    ids.size + poolIds.size > 0 ? mutesFor(sql, "all") : noMutes,
  );
  previews.sort((a, b) => a.seq - b.seq);
  const [became, rows] = await together(
    receiptsOf(sql, [...previews.map(({ message_id }) => message_id), ...seqs.keys()]),
    peerRows(sql, peers, mutes, "all", now),
  );
  const messages = previews.map((one) => toMessageRow(one, became.get(one.message_id)));
  const known = new Set(peers.map(({ peer_id }) => peer_id));
  const active = pools.filter((pool) => pool.archived_at === null);
  const gone = [...ids].filter((id) => !known.has(id));
  // A question to a person, an answer, or one that was read.
  const isPersons =
    messages.some(({ from_name }) => isPerson(from_name)) ||
    [...became.values()].some(({ recipients }) => recipients.some(({ name }) => isPerson(name)));
  const all = {
    messages,
    receipts: [...seqs].map(([message_id, seq]) => ({ message_id, seq, ...toReceipts(became.get(message_id)) })),
    mail: Object.fromEntries(waiting),
    peers: rows,
    gone,
    pools: active.map((pool) => toPoolRow(pool, "all", mutes)),
    gone_pools: pools.filter((pool) => pool.archived_at !== null).map(({ pool_id }) => pool_id),
    services,
    attention: attention || isPersons,
  };
  const seen = pools.filter((pool) => !pool.private);
  // Neither mail nor a change of pools, which would say who is in a private pool.
  const open = {
    peers: rows.filter(({ peer_id }) => collected.peers.has(peer_id)).map(publicPeerRow),
    gone: gone.filter((id) => collected.peers.has(id)),
    pools: seen.filter((pool) => pool.archived_at === null).map((pool) => toPoolRow(pool, "public", new Map())),
    gone_pools: seen.filter((pool) => pool.archived_at !== null).map(({ pool_id }) => pool_id),
  };
  return { all: withoutEmpty(all), public: withoutEmpty(open) };
}

/** Leaves out what did not change. Seam: `fromEntries` loses the type, and every field of a batch is optional. */
const withoutEmpty = (batch: object): FeedBatch =>
  Object.fromEntries(
    Object.entries(batch).filter(([, value]) => value === true || (typeof value === "object" && !isEmpty(value))),
  ) as FeedBatch;

const isEmpty = (value: object): boolean => Object.keys(value).length === 0;
