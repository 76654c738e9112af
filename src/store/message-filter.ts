/** Finds messages by sender, recipient, pool, thread, time, state, urgency and text, some at a time. */
import { type DeliveryState, hasFailed } from "../rules/delivery.ts";
import { BROKER_NAME } from "../rules/names.ts";
import { hasWords } from "../rules/search.ts";
import { DIRECT, PAIR } from "./conversations.ts";
import { WITHHELD } from "./held.ts";
import { FAILED_STATES, MESSAGE, type Message, toMessage } from "./messages.ts";
import { integer, textOrNull } from "./row.ts";
import { countMatches, matches, NUMBER, place, type WordQuery } from "./search.ts";
import type { Sql, Value } from "./store.ts";

/** Which messages are wanted. Everything that is given must hold. */
export interface MessageFilter {
  /** All of them took part, as sender or recipient. */
  participants: readonly string[];
  from?: string | undefined;
  /** Direct messages of two participants to each other: their ids in order, `a~b`. */
  pair?: string | undefined;
  pool_id?: string | undefined;
  thread_id?: string | undefined;
  /** Sent at this time or later. */
  since?: number | undefined;
  /** One of its deliveries is in one of these states. */
  states?: readonly DeliveryState[] | undefined;
  urgency?: string | undefined;
  /** Its text contains this, in any case. */
  text?: string | undefined;
  /** Not what the broker itself reported. */
  ofPeople?: boolean | undefined;
  /** This peer may read its text: it sent it, or it is not withheld from it. */
  readableBy?: string | undefined;
  /** This peer may read it (`readableBy`), and it is not queued for this peer any more. */
  knownTo?: string | undefined;
  /** Its text has these words. */
  words?: WordQuery | undefined;
}

/** A part of the order of sending: from `before` back, to `floor` at most, or with `after`, from there on. */
export interface Stretch {
  before?: number | undefined;
  after?: number | undefined;
  floor?: number | undefined;
}

type MessageInPool = Message & { pool: string | null };

/** `next`: where to go on, because there may be more. */
export interface Found {
  messages: MessageInPool[];
  next?: number;
}

/**
 * Messages that one call looks at when more than an index decides: a call takes milliseconds, however rare what it looks for is,
 * and says where to go on.
 */
const LOOKED_AT = 2_000;

/**
 * The messages that a filter means: the newest before a place, newest first, or the oldest after one, oldest first. `byWords`: the
 * index of words leads to them, otherwise that of participants or pools.
 */
export async function findMessages(
  sql: Sql,
  filter: MessageFilter,
  stretch: Stretch,
  limit: number,
  lookedAt = LOOKED_AT,
  byWords = false,
): Promise<Found> {
  const isBack = stretch.after === undefined;
  const order = isBack ? "DESC" : "ASC";
  const floor = filter.since === undefined ? 0 : await firstSince(sql, filter.since);
  const { values, value } = parameters();
  const from = value(Math.max(stretch.after ?? 0, floor - 1, (stretch.floor ?? 0) - 1));
  const to = value(stretch.before ?? Number.MAX_SAFE_INTEGER);
  const { indexed, others } = conditionsOf(filter, value, byWords);
  // A beginning of a word is looked up once for all that a call looks at: SQLite merges all words that begin so.
  const isLookedUp = !byWords && filter.words?.hasPrefix === true;
  const size = others.length === 0 && !isLookedUp ? limit : Math.max(lookedAt, limit);
  const some = value(size);
  const parts = indexed.map(
    ({ part, seq = "seq" }, i) =>
      `SELECT seq FROM (${part} AND ${seq} > ${place(from)} AND ${seq} < ${place(to)} ORDER BY ${seq} ${order} LIMIT ${some}) i${i}`,
  );
  const candidates = `SELECT seq FROM (${parts.join(" UNION ")}) u ORDER BY seq ${order} LIMIT ${some}`;
  const used = values.length;
  const looked = async (): Promise<{ messages: number; lowest: number; highest: number }> => {
    const [row = {}] = await sql(
      `SELECT count(*) AS messages, coalesce(min(seq), 0) AS lowest, coalesce(max(seq), 0) AS highest FROM (${candidates}) c`,
      ...values.slice(0, used),
    );
    return { messages: integer(row, "messages"), lowest: integer(row, "lowest"), highest: integer(row, "highest") };
  };
  const known = isLookedUp ? await looked() : undefined;
  if (filter.words && known) others.push(isAmong(filter.words, known, value));
  const rows = await sql(
    `SELECT ${MESSAGE}, p.name AS pool FROM messages m LEFT JOIN pools p ON p.pool_id = m.pool_id
     WHERE m.seq IN (${candidates}) ${others.map((one) => `AND ${one}`).join(" ")}
     ORDER BY m.seq ${order} LIMIT ${value(limit)}`,
    ...values,
  );
  const messages = rows.map((row) => ({ pool: textOrNull(row, "pool"), ...toMessage(row) }));
  const last = messages.at(-1);
  if (messages.length >= limit && last) return { messages, next: last.seq };
  if (others.length === 0) return { messages };
  const edge = known ?? (await looked());
  return edge.messages >= size ? { messages, next: isBack ? edge.lowest : edge.highest } : { messages };
}

/** The condition that the words of `m` are what is searched for, of messages between two places: the index is asked once. */
const isAmong = (
  words: WordQuery,
  { lowest, highest }: { lowest: number; highest: number },
  value: (one: Value) => string,
): string =>
  `m.seq IN (SELECT w.rowid FROM message_words w
     WHERE ${matches(words, value)} AND w.rowid >= ${place(value(lowest))} AND w.rowid <= ${place(value(highest))})`;

/** The newest messages are looked at first: of a frequent word these have enough. */
const NEWEST = 100;
/** How many one call looks at then: messages that have the words, at 5 µs each, or others, in which it looks for them, at 60 µs. */
const HITS = 4_000;
const PROBED = 500;

type Wanted = MessageFilter & { words: WordQuery };

/**
 * The newest messages that a filter with words means. What was sent since the index was filled to `indexedTo` is read; before that,
 * the index leads to messages. `next` says where to go on.
 */
export async function searchMessages(
  sql: Sql,
  filter: Wanted,
  indexedTo: number,
  before: number | undefined,
  limit: number,
): Promise<Found> {
  const end = before ?? Number.MAX_SAFE_INTEGER;
  if (end <= indexedTo) return searchIndexed(sql, filter, end, limit);
  const { words, ...others } = filter;
  const read = await findMessages(sql, others, { before: end, floor: indexedTo }, LOOKED_AT);
  const fitting = read.messages.filter((m) => hasWords(m.text, words.terms));
  const messages = fitting.slice(0, limit);
  const last = messages.at(-1);
  if (last && messages.length === limit) return { messages, next: last.seq };
  if (read.next !== undefined) return { messages, next: read.next };
  const far = await searchIndexed(sql, filter, indexedTo, limit - messages.length);
  return { ...far, messages: [...messages, ...far.messages] };
}

/**
 * The same among messages that are in the index. A rare word leads to its messages. Of a frequent one, what else is asked for
 * leads to a bounded number.
 */
async function searchIndexed(sql: Sql, filter: Wanted, before: number, limit: number): Promise<Found> {
  const near = await findMessages(sql, filter, { before }, limit, NEWEST);
  if (near.messages.length >= limit || near.next === undefined) return near;
  const floor = filter.since === undefined ? 0 : await firstSince(sql, filter.since);
  const isNarrow = filter.participants.length > 0 || filter.from !== undefined || filter.pool_id !== undefined;
  const byWords = !isNarrow || (await countMatches(sql, filter.words, floor - 1, near.next, HITS)) < HITS;
  const left = limit - near.messages.length;
  const far = await findMessages(sql, filter, { before: near.next }, left, byWords ? HITS : PROBED, byWords);
  return { ...far, messages: [...near.messages, ...far.messages] };
}

/** Collects the values of a statement; `value` returns the placeholder of one. */
function parameters() {
  const values: Value[] = [];
  return { values, value: (one: Value): string => `$${values.push(one)}` };
}

/**
 * The first place that may have a message from `since` or later. A message's number is that of the confirmed time, which lags
 * for minutes after a step of the clock; such messages are few, and an index has only them.
 */
async function firstSince(sql: Sql, since: number): Promise<number> {
  const usual = (since - STEP_MS) * 1000;
  const [row] = await sql(
    `SELECT coalesce(min(seq), ${Number.MAX_SAFE_INTEGER}) AS seq FROM messages
     WHERE sent_at >= $1 AND sent_at * 1000 > seq + ${STEP_MS * 1000}`,
    since,
  );
  return Math.min(usual, row ? integer(row, "seq") : usual);
}

/** Part of the index `messages_ahead`. */
const STEP_MS = 60_000;

interface Indexed {
  part: string;
  /** What it calls a message's number. */
  seq?: string;
}

/** What an index finds, as statements that `AND` may follow, and conditions on the messages `m` among them. */
function conditionsOf(
  filter: MessageFilter,
  value: (one: Value) => string,
  byWords: boolean,
): { indexed: Indexed[]; others: string[] } {
  const {
    words,
    participants,
    from,
    pair,
    pool_id,
    thread_id,
    since,
    states,
    urgency,
    text,
    ofPeople,
    knownTo,
    readableBy = knownTo,
  } = filter;
  const indexed: Indexed[] = [];
  const others: string[] = [];
  /** The first of these conditions is left to its index. */
  const add = (byIndex: () => string[], condition: () => string): void => {
    if (indexed.length === 0) indexed.push(...byIndex().map((part) => ({ part })));
    else others.push(condition());
  };
  if (words && byWords)
    indexed.push({ part: `SELECT w.rowid AS seq FROM message_words w WHERE ${matches(words, value)}`, seq: NUMBER });
  if (pair !== undefined) {
    const key = value(pair);
    add(
      () => [`SELECT m.seq FROM messages m WHERE ${DIRECT} AND ${PAIR} = ${key}`],
      () => `${DIRECT} AND ${PAIR} = ${key}`,
    );
  }
  for (const peer of participants) {
    const id = value(peer);
    add(
      () => [`SELECT seq FROM messages WHERE from_id = ${id}`, `SELECT seq FROM deliveries WHERE peer_id = ${id}`],
      () =>
        `(m.from_id = ${id} OR EXISTS (SELECT 1 FROM deliveries d WHERE d.message_id = m.message_id AND d.peer_id = ${id}))`,
    );
  }
  if (from !== undefined) {
    const id = value(from);
    add(
      () => [`SELECT seq FROM messages WHERE from_id = ${id}`],
      () => `m.from_id = ${id}`,
    );
  }
  if (states?.every((state) => hasFailed({ state })) && indexed.length === 0) {
    // The condition of the index `deliveries_failed`.
    indexed.push({ part: `SELECT DISTINCT seq FROM deliveries WHERE state IN ${FAILED_STATES}` });
  }
  if (pool_id !== undefined) {
    const id = value(pool_id);
    add(
      () => [`SELECT seq FROM messages WHERE pool_id = ${id}`],
      () => `m.pool_id = ${id}`,
    );
  }
  if (indexed.length === 0) indexed.push({ part: "SELECT seq FROM messages WHERE seq > 0" });
  if (words && !byWords && !words.hasPrefix)
    others.push(`EXISTS (SELECT 1 FROM message_words w WHERE w.rowid = m.seq AND ${matches(words, value)})`);
  if (states !== undefined)
    others.push(
      `EXISTS (SELECT 1 FROM deliveries d WHERE d.message_id = m.message_id AND d.state IN (${states.map(value).join(", ")}))`,
    );
  if (thread_id !== undefined) others.push(`m.thread_id = ${value(thread_id)}`);
  if (since !== undefined) others.push(`m.sent_at >= ${value(since)}`);
  if (urgency !== undefined) others.push(`m.urgency = ${value(urgency)}`);
  if (readableBy !== undefined) {
    const id = value(readableBy);
    others.push(
      `(m.from_id = ${id} OR EXISTS (SELECT 1 FROM deliveries d WHERE d.message_id = m.message_id AND d.peer_id = ${id}
         AND NOT ${WITHHELD}${knownTo === undefined ? "" : " AND d.state <> 'queued'"}))`,
    );
  }
  if (ofPeople) others.push(`m.from_id <> '${BROKER_NAME}'`);
  if (text !== undefined) {
    // SQLite knows small and capital letters of ASCII only.
    const forms = new Set([text.toLowerCase(), text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())]);
    const likes = [...forms].map(
      (form) => `lower(m.text) LIKE ${value(`%${form.replace(/[\\%_]/g, "\\$&")}%`)} ESCAPE '\\'`,
    );
    others.push(`(${likes.join(" OR ")})`);
  }
  return { indexed, others };
}
