/** The open conversation: its latest messages, older ones by page, and what comes while it is open. */
import { signal } from "@preact/signals";
import type { InputOf } from "../operations/index.ts";
import { isPoolTalk, othersIn, talkKey, talkOf } from "../rules/talk/key.ts";
import {
  MOST_IN_TALK,
  merged,
  type News,
  type Part,
  trimmed,
  withFresh,
  withLatest,
  withNews,
  withoutNewest,
  withoutOldest,
} from "../rules/talk/list.ts";
import { fromHistory } from "../rules/talk/row.ts";
import { noteFailing } from "./reading.ts";
import { call, isFinal, problemOf, Refusal } from "./source.ts";
import { conversations, link, nameOf } from "./state.ts";
import { say } from "./toast.tsx";
import type { MessageRow } from "./types.ts";

export interface OpenTalk extends Part<MessageRow> {
  /** `@pool` or two ids. */
  key: string;
  isLoading: boolean;
  /** Why its messages cannot be shown. */
  problem?: string;
}

export const openTalk = signal<OpenTalk>({ key: "", list: [], isLoading: false });

const PAGE = 50;
/** Texts that came cut are fetched at most this often. */
const WHOLE_MS = 700;
/** Until messages are asked for again that could not be read. */
const AGAIN_MS = 2_000;

type Stretch = Pick<InputOf<"messages">, "before" | "after">;

/** A page of a conversation: the latest, or those next to a place. */
async function page(conversation: string, stretch: Stretch = {}): Promise<{ list: MessageRow[]; next?: number }> {
  const found = await call("messages", { conversation, limit: PAGE, full: true, ...stretch });
  return { list: merged(found.messages.map(fromHistory)), next: found.next };
}

/** Counts the parts of conversations that were opened: an answer that was asked for an earlier one is of no use. */
let opened = 0;

function open(part: OpenTalk): void {
  openTalk.value = part;
  opened++;
}

/** Tells later whether the part that is shown now still is. */
function sameAsNow(): () => boolean {
  const then = opened;
  return () => opened === then;
}

export function openConversation(key: string): void {
  if (openTalk.peek().key === key) return;
  open({ key, list: [], isLoading: key !== "" });
  gapAfter = undefined;
  isFollowed = true;
  noteFailing(TALK, "");
  void reloadTalk();
}

/** Whether the reader is at the end: one who reads older messages keeps them. */
export function followTalk(isAtEnd: boolean): void {
  isFollowed = isAtEnd;
}

let isFollowed = true;

/** After this place messages may have been missed. */
let gapAfter: number | undefined;

/** The feed was interrupted: what was said meanwhile is not known. */
export function noteGap(): void {
  gapAfter ??= openTalk.peek().list.at(-1)?.seq ?? 0;
}

/** Shows the part of the open conversation that ends with a message, unless that is there. */
export async function showMessage(message_id: string): Promise<void> {
  const { key, list, isLoading } = openTalk.peek();
  if (key === "" || isLoading || list.some((one) => one.message_id === message_id)) return;
  const isStill = sameAsNow();
  try {
    const { seq } = await call("message_details", { message_id });
    const { list: part, next } = await page(key, { before: seq + 1 });
    if (isStill()) open({ key, list: part, before: next, isLoading: false, isPast: true });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (!isStill()) return;
    if (isFinal(error)) say(problemOf(error));
    else retryLater(() => showMessage(message_id), error);
  }
}

/** Back to the latest messages. */
export function showLatest(): Promise<void> {
  open({ key: openTalk.peek().key, list: [], isLoading: true });
  return reloadTalk();
}

/** Reads the latest messages of the open conversation. What was there before them stays, if nothing was missed between. */
export async function reloadTalk(): Promise<void> {
  const { key, isPast } = openTalk.peek();
  if (key === "" || isPast) return;
  const gap = gapAfter;
  gapAfter = undefined;
  const isStill = sameAsNow();
  try {
    const { list, next } = await page(key);
    if (isStill())
      openTalk.value = { key, ...withLatest(openTalk.peek(), { list, before: next }, gap), isLoading: false };
    noteFailing(TALK, "");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (!isStill()) return;
    gapAfter = gap ?? gapAfter;
    const now = openTalk.peek();
    // Messages that are there stay; those that are missing follow.
    openTalk.value = { ...now, isLoading: false, ...(now.list.length === 0 && { problem: error.message }) };
    if (now.list.length > 0 || !isFinal(error)) retryLater(reloadTalk, error);
  }
}

const TALK = "this conversation";
let againAt: ReturnType<typeof setTimeout> | undefined;

/** Says that the conversation cannot be read, and tries again, unless another one is open by then. */
function retryLater(read: () => Promise<void>, error: unknown): void {
  if (openTalk.peek().list.length > 0) noteFailing(TALK, problemOf(error));
  const { key } = openTalk.peek();
  clearTimeout(againAt);
  againAt = setTimeout(() => {
    if (link.peek() !== "out" && openTalk.peek().key === key) void read();
  }, AGAIN_MS);
}

/** The next page. One that cannot be read is asked for again. */
async function next(
  load: () => Promise<void>,
  key: string,
  stretch: Stretch,
): Promise<Awaited<ReturnType<typeof page>> | undefined> {
  const isStill = sameAsNow();
  try {
    const found = await page(key, stretch);
    if (isStill()) noteFailing(TALK, "");
    return found;
  } catch (error) {
    if (isStill()) retryLater(load, error);
    return undefined;
  }
}

/** Reads older ones. The newest make room for them. */
export async function loadOlder(): Promise<void> {
  const { key, before, isLoading } = openTalk.peek();
  if (before === undefined || isLoading) return;
  openTalk.value = { ...withoutNewest(openTalk.peek(), MOST_IN_TALK - PAGE), isLoading: true };
  const isStill = sameAsNow();
  const older = await next(loadOlder, key, { before });
  if (!isStill()) return;
  const now = openTalk.peek();
  openTalk.value = older
    ? { ...now, list: merged(older.list, now.list), before: older.next, isLoading: false }
    : { ...now, isLoading: false };
}

/** Reads on from an earlier part, until it reaches the latest messages. The oldest make room for them. */
export async function loadNewer(): Promise<void> {
  const { list, key, isPast, isLoading } = openTalk.peek();
  const last = list.at(-1)?.seq;
  if (!isPast || isLoading || last === undefined) return;
  openTalk.value = { ...withoutOldest(openTalk.peek(), MOST_IN_TALK - PAGE), isLoading: true };
  const isStill = sameAsNow();
  const newer = await next(loadNewer, key, { after: last });
  if (!isStill()) return;
  const now = openTalk.peek();
  const longer = newer ? merged(now.list, newer.list) : now.list;
  const isAtLatest = newer !== undefined && newer.next === undefined;
  openTalk.value = { ...now, list: longer, isLoading: false, isPast: !isAtLatest };
  if (!isAtLatest) return;
  // What was said since the answer was made was not heard.
  gapAfter = longer.at(-1)?.seq;
  await reloadTalk();
}

let wholeAt: ReturnType<typeof setTimeout> | undefined;

/** News of the feed. Its texts are cut: the whole ones follow. */
export function hearTalk(fresh: readonly MessageRow[], news: News): void {
  const now = openTalk.peek();
  if (now.key === "") return;
  const mine = fresh.filter((message) => talkOf(message) === now.key);
  const next = withFresh(now, mine, isFollowed);
  const list = withNews(next.list, news);
  if (next === now && list === now.list) return;
  openTalk.value = { ...next, list };
  // Once these are drawn.
  const isStill = sameAsNow();
  setTimeout(() => {
    if (isStill()) openTalk.value = trimmed(openTalk.peek());
  });
  if (wholeAt !== undefined || !mine.some(({ text, characters }) => characters > text.length)) return;
  wholeAt = setTimeout(() => {
    wholeAt = undefined;
    void reloadTalk();
  }, WHOLE_MS);
}

/** Between the names of two. */
export const BETWEEN = " ↔ ";

/** The name of a conversation. */
export function titleOf(key: string): string {
  if (isPoolTalk(key)) return key;
  const known = conversations.value.find((one) => talkKey(one) === key)?.with ?? [];
  const name = (id: string): string => nameOf(id, known.find((one) => one.id === id)?.name);
  return othersIn(key).map(name).join(BETWEEN);
}
