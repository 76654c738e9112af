/** Fills what the page knows: a look at everything, then the feed. The views change at most four times a second. */
import { batch, signal } from "@preact/signals";
import type { FeedBatch } from "../operations/support/feed-rows.ts";
import { merged, withNews } from "../rules/talk/list.ts";
import { fromHistory } from "../rules/talk/row.ts";
import { MOST_TALKS, withCounted, withSaid } from "../rules/talk/talks.ts";
import { repoOf } from "../rules/texts/people.ts";
import { noteFailing, reader } from "./reading.ts";
import { askStatus, call, follow, problemOf, Refusal } from "./source.ts";
import { readSpans } from "./spans.ts";
import {
  BROKER,
  brokerName,
  conversations,
  isLimited,
  isReady,
  link,
  MOST_MESSAGES,
  messages,
  moreNeeds,
  needs,
  order,
  peers,
  pools,
  pulses,
  received,
  services,
  spans,
  trouble,
} from "./state.ts";
import { hearTalk, noteGap, reloadTalk } from "./talk-state.ts";
import type { Overview, Peer } from "./types.ts";
import { setClock, timeNow } from "./world.ts";

const FLUSH_MS = 250;
const SLOW_MS = 2_000;
/** The stripe of each session shows the last hour. */
const STRIPE_MS = 3_600_000;
const SPANS_AGAIN_MS = 300_000;
const MOST_SPANS = 500;
/** Messages that the first look brings, for "Just now". */
const LATEST = 50;

let waiting: FeedBatch[] = [];

/** Begins; tries again until the broker answers. */
export async function startLive(): Promise<void> {
  setInterval(flush, FLUSH_MS);
  setInterval(() => void readSpansAgain(), SPANS_AGAIN_MS);
  await begin();
}

/** Asks first whether this browser is logged in, and then follows the feed. */
async function begin(): Promise<void> {
  try {
    brokerName.value = (await askStatus()).name;
    trouble.value = undefined;
    follow({
      onBatch(news) {
        waiting.push(news);
        if (news.attention) countUnseen();
      },
      onLink(state) {
        link.value = state;
        // Another tab holds the feed, and has had its first batch.
        if (state === "live" && !isReady.value && !isLooking) setTimeout(lookUnlessDone, SLOW_MS / 4);
      },
    });
  } catch (error) {
    takeTrouble(error, begin);
  }
}

function lookUnlessDone(): void {
  if (!isReady.value) void lookAtAll();
}

let isLooking = false;

const EVERYTHING = "everything";

/** Reads everything again, after which the feed goes on. */
async function lookAtAll(): Promise<void> {
  if (isLooking) return;
  isLooking = true;
  try {
    const overview = await readOverview();
    batch(() => {
      takeOverview(overview);
      trouble.value = undefined;
    });
    await Promise.all([loadNeeds(), loadSaid(), loadSpans(), reloadTalk()]);
    isReady.value = true;
    noteFailing(EVERYTHING, "");
  } catch (error) {
    takeTrouble(error, lookAtAll);
  } finally {
    isLooking = false;
  }
}

function takeTrouble(error: unknown, again: () => Promise<void>): void {
  if (!(error instanceof Refusal)) throw error;
  if (error.code === "unauthorized") {
    link.value = "out";
    return;
  }
  if (isReady.value) noteFailing(EVERYTHING, problemOf(error));
  else trouble.value = { message: error.message, hint: error.hint };
  setTimeout(() => void again(), SLOW_MS);
}

async function readOverview(): Promise<Overview> {
  const first: Overview = await call("overview", {});
  const all = [...first.peers];
  for (let next = first.next; next !== undefined; ) {
    const page: Overview = await call("overview", { after: next });
    all.push(...page.peers);
    next = page.next;
  }
  return { ...first, peers: all };
}

function takeOverview(overview: Overview): void {
  setClock(overview.now);
  const found = new Set(overview.peers.map(({ peer_id }) => peer_id));
  for (const id of peers.keys()) if (!found.has(id)) peers.delete(id);
  for (const peer of overview.peers) takePeer(peer);
  sortPeers();
  pools.value = overview.pools;
  services.value = overview.services;
}

function takePeer(peer: Peer): void {
  const known = peers.get(peer.peer_id);
  if (known) known.value = peer;
  else peers.set(peer.peer_id, signal(peer));
}

const place = (id: string): string => {
  const peer = peers.get(id)?.peek();
  return peer ? `${peer.host}\n${repoOf(peer)}\n${peer.name}` : "";
};

function sortPeers(): void {
  const ids = [...peers.keys()].sort((a, b) => place(a).localeCompare(place(b)));
  if (ids.join() !== order.peek().join()) order.value = ids;
}

/** Forbidden: the machine's token shows peers and pools only. */
async function ifAllowed(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.code !== "forbidden") throw error;
    isLimited.value = true;
  }
}

const loadNeeds = (): Promise<void> =>
  ifAllowed(async () => {
    const found = await call("attention", {});
    needs.value = found.needs;
    moreNeeds.value = found.more;
  });

const loadConversations = (): Promise<void> =>
  ifAllowed(async () => {
    const found = await call("conversations", { limit: MOST_TALKS });
    conversations.value = withCounted(conversations.peek(), found.conversations);
  });

/** What was said last, everywhere and in each conversation. */
const loadSaid = (): Promise<void> =>
  ifAllowed(async () => {
    const [latest] = await Promise.all([call("messages", { limit: LATEST }), loadConversations()]);
    const said = latest.messages.map(fromHistory).filter(({ from }) => from !== BROKER);
    const last = conversations.peek().map((one) => one.last);
    messages.value = merged(messages.peek(), said, last).slice(-MOST_MESSAGES);
  });

async function loadSpans(): Promise<void> {
  spans.value = await readSpans(timeNow() - STRIPE_MS, timeNow());
}

export const readNeeds = reader("what needs you", loadNeeds);
const readConversations = reader("the conversations", loadConversations);
const readSpansAgain = reader("the last hour", loadSpans);

let countedAt: ReturnType<typeof setTimeout> | undefined;

/** What needs a person, and how much of each conversation failed, is held or unread: once for all that happens within a second. */
function countSoon(): void {
  if (countedAt !== undefined) return;
  countedAt = setTimeout(() => {
    countedAt = undefined;
    void Promise.all([readNeeds(), readConversations()]);
  }, 1_000);
}

let unseenAt = 0;

/** Browsers let the timers of a tab that is out of sight fire once a minute; notifications do not wait for them. */
function countUnseen(): void {
  if (document.visibilityState === "visible" || timeNow() - unseenAt < 1_000) return;
  unseenAt = timeNow();
  void readNeeds();
}

function flush(): void {
  // What comes during a look may be newer or older than what the look found, and is applied after it.
  if (isLooking || waiting.length === 0) return;
  const news = waiting;
  waiting = [];
  if (news.some((one) => one.look_again)) {
    noteGap();
    void lookAtAll();
  }
  batch(() => {
    takePeers(news);
    takePools(news);
    takeMessages(news);
  });
  if (news.some((one) => one.attention)) countSoon();
  if (news.some((one) => one.services)) void readServices();
}

const readServices = reader("the services", async () => {
  services.value = (await call("overview", { limit: 1 })).services;
});

function takePeers(news: readonly FeedBatch[]): void {
  for (const [id, count] of news.flatMap((one) => Object.entries(one.mail ?? {}))) {
    const known = peers.get(id);
    if (known) known.value = { ...known.value, waiting: count };
  }
  const changed = news.flatMap((one) => one.peers ?? []);
  const gone = news.flatMap((one) => one.gone ?? []);
  if (changed.length === 0 && gone.length === 0) return;
  let hasMoved = gone.length > 0;
  const grown = new Map(spans.peek());
  for (const peer of changed) {
    const before = peers.get(peer.peer_id)?.peek();
    hasMoved ||= !before || before.name !== peer.name || before.host !== peer.host || repoOf(before) !== repoOf(peer);
    if (before?.presence !== peer.presence)
      grown.set(peer.peer_id, [...(grown.get(peer.peer_id) ?? []).slice(-MOST_SPANS), [timeNow(), peer.presence]]);
    takePeer(peer);
  }
  spans.value = grown;
  for (const id of gone) peers.delete(id);
  if (hasMoved) sortPeers();
}

function takePools(news: readonly FeedBatch[]): void {
  const changed = news.flatMap((one) => one.pools ?? []);
  const gone = new Set(news.flatMap((one) => one.gone_pools ?? []));
  if (changed.length === 0 && gone.size === 0) return;
  const all = new Map(pools.peek().map((pool) => [pool.pool_id, pool]));
  for (const pool of changed) all.set(pool.pool_id, pool);
  for (const id of gone) all.delete(id);
  pools.value = [...all.values()];
}

function takeMessages(batches: readonly FeedBatch[]): void {
  const known = new Set(messages.peek().map(({ message_id }) => message_id));
  const fresh = batches.flatMap((one) => one.messages ?? []).filter(({ message_id }) => !known.has(message_id));
  const news = new Map(batches.flatMap((one) => one.receipts ?? []).map((one) => [one.message_id, one]));
  if (fresh.length === 0 && news.size === 0) return;
  const all = fresh.length === 0 ? messages.peek() : [...messages.peek(), ...fresh].slice(-MOST_MESSAGES);
  messages.value = withNews(all, news);
  hearTalk(fresh, news);
  if (fresh.length > 0) {
    received.value += fresh.length;
    pulses.value = fresh;
  }
  if (!isLimited.peek()) conversations.value = withSaid(conversations.peek(), fresh, news);
}
