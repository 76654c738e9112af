/** What the page knows. Everything is bounded, however long the page stays open. */
import { computed, type Signal, signal } from "@preact/signals";
import { BROKER_NAME, OPERATOR_NAME } from "../rules/names.ts";
import { isPoolTalk } from "../rules/talk/key.ts";
import { reachOf } from "../rules/talk/reach.ts";
import { slowed } from "./slowed.ts";
import type { LinkState } from "./source.ts";
import type { Conversation, MessageRow, Need, Peer, Pool, Presence, Service, Spans } from "./types.ts";

export const OPERATOR = OPERATOR_NAME;
/** The sender of what the broker itself reports. */
export const BROKER = BROKER_NAME;
export const MOST_MESSAGES = 2_000;

export const isReady = signal(false);
/** The error that keeps the page from beginning. */
export const trouble = signal<{ message: string; hint: string } | undefined>(undefined);
export const link = signal<LinkState>("connecting");
/** This browser shows peers and pools only: its machine's token may not see more. */
export const isLimited = signal(false);
/** `user@machine` of the broker. */
export const brokerName = signal("");

/** One signal for each peer, so that a change draws one row. */
export const peers = new Map<string, Signal<Peer>>();
/** Their ids by machine, repository and name: places never change by activity. */
export const order = signal<string[]>([]);
export const pools = signal<Pool[]>([]);
export const services = signal<Service[]>([]);
export const needs = signal<Need[]>([]);
/** Needs beyond those that were asked for. */
export const moreNeeds = signal(0);
export const spans = signal<Map<string, Spans>>(new Map());
export const conversations = signal<Conversation[]>([]);
/** The same at most every second: their order changes with each message, and moves many rows. */
export const slowConversations = slowed(conversations, 1_000);
/** The latest messages, oldest first. */
export const messages = signal<MessageRow[]>([]);
/** The same at most every two seconds: for sums and pictures. */
export const slowMessages = slowed(messages, 2_000);
/** Messages that came since the page was opened. */
export const received = signal(0);
/** The messages of the last moment: the map lets them travel. */
export const pulses = signal<MessageRow[]>([]);

export const peerOf = (id: string): Peer | undefined => peers.get(id)?.value;
export const poolOf = (id: string): Pool | undefined => pools.value.find((pool) => pool.pool_id === id);
export const poolNamed = (name: string): Pool | undefined => pools.value.find((pool) => pool.name === name);

/** The pool that an address or the key of a conversation means as a whole. */
export const poolAt = (address: string): Pool | undefined =>
  isPoolTalk(address) ? poolNamed(address.slice(1)) : undefined;

/** The members of a pool that are known here. */
export const membersOf = (pool: Pool): Peer[] =>
  order.value.flatMap((id) => {
    const peer = peerOf(id);
    return peer?.pools.includes(pool.pool_id) ? peer : [];
  });

/** How many sessions an address means, as far as this is known here. */
export const sizeOf = (address: string): number =>
  reachOf(
    address,
    order.value.flatMap((id) => peerOf(id) ?? []),
    pools.value,
  );

export const nameOf = (id: string, otherwise = ""): string =>
  id === OPERATOR ? "you" : id === BROKER ? "the broker" : (peerOf(id)?.name ?? (otherwise || id.slice(0, 4)));

export const presenceCounts = computed(() => {
  const all: Record<Presence, number> = { active: 0, idle: 0, busy: 0, blocked: 0, offline: 0 };
  for (const id of order.value) {
    const presence = peerOf(id)?.presence;
    if (presence !== undefined) all[presence]++;
  }
  return all;
});
