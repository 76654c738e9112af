/** The messages of the open conversation as a list: which part of it is known, without holes and bounded. */
import type { Row } from "./row.ts";

/** What became of messages since they were listed, by message_id. */
export type News = ReadonlyMap<string, Pick<Row, "states" | "recipients">>;

/** A part of a conversation, oldest first and without holes. */
export interface Part<M extends Row> {
  list: M[];
  /** There are older ones: the place before which they are. */
  before?: number | undefined;
  /** It ends before the latest message. */
  isPast?: boolean;
}

export const MOST_IN_TALK = 500;
/** So many more before the oldest are left out: rarely and many at once, since each time the rows move. */
const SLACK = 100;

/** Each message once, oldest first. The one that is given last counts. */
export function merged<M extends Row>(...lists: readonly (readonly M[])[]): M[] {
  const all = new Map(lists.flat().map((message) => [message.message_id, message]));
  return [...all.values()].sort((a, b) => a.seq - b.seq);
}

/**
 * The latest page, read again. `gapAfter`: messages after this place may have been missed, so that older ones stay only if the page
 * reaches back to it. What came while the page was read stays.
 */
export function withLatest<M extends Row>(
  { list, before }: Part<M>,
  page: Part<M>,
  gapAfter = Number.MAX_SAFE_INTEGER,
): Part<M> {
  const first = page.list[0]?.seq ?? Number.MAX_SAFE_INTEGER;
  const last = page.list.at(-1)?.seq ?? 0;
  const newer = list.filter(({ seq }) => seq > last);
  const older = first <= gapAfter ? list.filter(({ seq }) => seq < first) : [];
  return { list: merged(older, page.list, newer), before: older.length > 0 ? before : page.before };
}

/** What was just said. A reader of older messages keeps those: then the part ends here. */
export function withFresh<M extends Row, P extends Part<M>>(part: P, fresh: readonly M[], isFollowed: boolean): P {
  if (part.isPast || fresh.length === 0) return part;
  const known = new Map(part.list.map((message) => [message.message_id, message]));
  const list = merged(
    part.list,
    fresh.map((message) => {
      // The feed cuts texts.
      const { text = "" } = known.get(message.message_id) ?? {};
      return text.length > message.text.length ? { ...message, text } : message;
    }),
  );
  return isFollowed || list.length <= MOST_IN_TALK ? { ...part, list } : { ...part, isPast: true };
}

/** The same messages with news of them. Those without any stay the same objects, so that nothing is drawn for them. */
export function withNews<M extends Row>(list: M[], news: News): M[] {
  if (!list.some(({ message_id }) => news.has(message_id))) return list;
  return list.map((message) => newsOf(message, news));
}

export function newsOf<M extends Row>(message: M, news: News): M {
  const found = news.get(message.message_id);
  return found ? { ...message, states: found.states, recipients: found.recipients } : message;
}

/** Leaves out the oldest, if there are too many. Apart from additions: rows can move at one end at a time. */
export const trimmed = <M extends Row, P extends Part<M>>(part: P): P =>
  part.list.length <= MOST_IN_TALK + SLACK || part.isPast ? part : withoutOldest(part, MOST_IN_TALK);

/** Leaves as many of the newest, and says that there are older ones. */
export function withoutOldest<M extends Row, P extends Part<M>>(part: P, most: number): P {
  if (part.list.length <= most) return part;
  const list = part.list.slice(-most);
  return { ...part, list, before: list[0]?.seq };
}

/** Leaves as many of the oldest. */
export const withoutNewest = <M extends Row, P extends Part<M>>(part: P, most: number): P =>
  part.list.length <= most ? part : { ...part, list: part.list.slice(0, most), isPast: true };
