/** Conversations: the list of them, and the messages of the open one. */
import { BROKER_NAME, OPERATOR_NAME } from "../rules/names.ts";
import { isMine, isPoolTalk, talkKey } from "../rules/talk/key.ts";
import { MOST_IN_TALK } from "../rules/talk/list.ts";
import { failedOf, heldOf } from "../rules/texts/receipts.ts";
import { type Item, MARGIN } from "./list.ts";
import { line, named, type Piece, parentRow, piece, quoted, type Row, spread } from "./rows.ts";
import { BETWEEN, namesIn, poolNamed, type State, type Talk, titleOf } from "./state.ts";
import { flat, wrapped } from "./text.ts";
import { type Conversation, dayOf, hhmm, type MessageRow, nameOf, receiptText } from "./words.ts";

/** Of a longer text the beginning is shown. */
const LONG_LINES = 12;

interface Line {
  key: string;
  talk: Conversation | undefined;
}

/** In the order in which they were when one began to look; what is new comes first, pools in which nothing was said last. */
export function orderOf(state: State): string[] {
  const talks = state.conversations.toSorted((a, b) => b.last.seq - a.last.seq).map(talkKey);
  const silent = state.pools.map(({ name }) => `@${name}`).filter((key) => !talks.includes(key));
  return [...talks, ...silent];
}

/** The order that was, with what is new. */
export function grownOrder(before: readonly string[], now: readonly string[]): string[] {
  const known = new Set(before);
  const there = new Set(now);
  return [...now.filter((key) => !known.has(key)), ...before.filter((key) => there.has(key))];
}

export function talkItems(state: State, columns: number): Item[] {
  const width = columns - MARGIN;
  const wanted = state.filter.text.text.toLowerCase();
  const talks = new Map(state.conversations.map((one) => [talkKey(one), one]));
  const lines = state.order
    .map((key): Line => ({ key, talk: talks.get(key) }))
    .filter(({ key, talk }) => `${titleOf(state, key)} ${talk?.last.text ?? ""}`.toLowerCase().includes(wanted));
  const parts: [heading: string, lines: Line[]][] = [
    ["With you", lines.filter(({ key }) => isMine(key))],
    ["Pools", lines.filter(({ key }) => isPoolTalk(key))],
    ["Between sessions", lines.filter(({ key }) => !isMine(key) && !isPoolTalk(key))],
  ];
  const items = parts.flatMap(([heading, some]): Item[] =>
    some.length === 0
      ? []
      : [{ rows: [line([piece(heading, "quiet")], width)] }, ...some.map((one) => talkItem(state, one, width))],
  );
  if (items.length > 0) return items;
  const words =
    wanted === "" ? "Nothing was said yet. When sessions write to each other, it is here." : "Nothing matches.";
  return wrapped(words, width).map((text) => ({ rows: [line([piece(text)], width)] }));
}

export const titlePieces = (state: State, key: string): Piece[] =>
  namesIn(state, key).flatMap((name, i) => [...(i > 0 ? [piece(BETWEEN, "strong")] : []), named(name, "strong")]);

function talkItem(state: State, { key, talk }: Line, width: number): Item {
  const pool = poolNamed(state, key);
  const isBad = talk !== undefined && (talk.failed > 0 || talk.held > 0 || failedOf(talk.last) + heldOf(talk.last) > 0);
  const head: Piece[] = [
    ...titlePieces(state, key),
    ...(pool?.private ? [piece(" private", "quiet")] : []),
    ...(pool?.paused ? [piece(" paused", "amber")] : []),
    ...(isBad ? [piece(" not all delivered", "red")] : []),
    ...(talk?.unread ? [piece(` ${talk.unread} new`, "accent")] : []),
  ];
  const last = talk?.last;
  const said = last
    ? quoted(nameOf(last.from, last.from_name), flat(last.text), width - 2, "quiet")
    : [piece("nothing was said", "quiet")];
  return {
    id: key,
    rows: [spread(head, last ? [piece(hhmm(last.sent_at), "quiet")] : [], width), line(said, width - 2, 2)],
  };
}

export function messageItems(talk: Talk, columns: number): Item[] {
  const width = columns - MARGIN;
  const note = (text: string): Item => ({ rows: [line([piece(text, "quiet")], width)] });
  if (talk.problem !== "") return wrapped(talk.problem, width).map(note);
  if (talk.list.length === 0) return [note(talk.isLoading ? "Loading…" : "Nothing was said here yet.")];
  const items: Item[] = talk.before === undefined ? [] : [note(earlier(talk))];
  let day = "";
  for (const message of talk.list) {
    const its = dayOf(message.sent_at);
    if (its !== day) items.push(note(`── ${its} ──`));
    day = its;
    items.push({ id: message.message_id, rows: messageRows(talk, message, width) });
  }
  return items;
}

function earlier({ isLoading, list }: Talk): string {
  if (isLoading) return "Loading earlier ones…";
  return list.length >= MOST_IN_TALK ? "Earlier ones: cct messages, or cct export" : "Earlier ones: further up";
}

const known = new WeakMap<MessageRow, { width: number; isWhole: boolean; lines: string[] }>();

/** A text is broken into lines once for each width. */
function linesOf(message: MessageRow, width: number, isWhole: boolean): string[] {
  const before = known.get(message);
  if (before && before.width === width && before.isWhole === isWhole) return before.lines;
  const lines = wrapped(message.text.trimEnd(), width, isWhole ? undefined : LONG_LINES + 1);
  known.set(message, { width, isWhole, lines });
  return lines;
}

function messageRows(talk: Talk, message: MessageRow, width: number): Row[] {
  const isWhole = talk.whole.has(message.message_id);
  const { from, from_name, to, urgency, reply_to } = message;
  // What the broker reports is on one line.
  if (from === BROKER_NAME && !isWhole)
    return [line([piece(`${hhmm(message.sent_at)} ${flat(message.text)}`, "quiet")], width)];
  const isMine = from === OPERATOR_NAME;
  const [toward, other] = message.pool === undefined ? [" → ", otherOf(message)] : [" to ", to === talk.key ? "" : to];
  const head: Piece[] = [
    piece(hhmm(message.sent_at), "quiet"),
    piece(" "),
    named(nameOf(from, from_name), isMine ? "accent" : "strong"),
    ...(other === "" ? [] : [piece(toward, "quiet"), named(other, "quiet")]),
    ...(urgency === "interrupt" ? [piece(" interrupt", "red")] : urgency === "low" ? [piece(" low", "quiet")] : []),
    ...(message.recipients[0]?.redelivered ? [piece(" redelivered", "quiet")] : []),
  ];
  const parent = reply_to === undefined ? undefined : talk.list.find((one) => one.message_id === reply_to);
  const lines = linesOf(message, width - 2, isWhole);
  const isCut = !isWhole && (lines.length > LONG_LINES || message.characters > message.text.length);
  const body = isCut ? lines.slice(0, LONG_LINES - 1) : lines;
  const quiet = (text: string): Row => line([piece(text, "quiet")], width - 2, 2);
  return [
    spread(head, from === BROKER_NAME ? [] : [receiptPiece(message)], width),
    ...(parent ? [parentRow(nameOf(parent.from, parent.from_name), flat(parent.text), width - 2, 2)] : []),
    ...body.map((text) => line([piece(text)], width - 2, 2)),
    ...(isCut ? [quiet(`… ${message.characters} characters in all: Enter shows them`)] : []),
    ...(isWhole ? wholeRows(message, quiet) : []),
  ];
}

function receiptPiece(message: MessageRow): Piece {
  const [text, tone] = receiptText(message);
  return piece(text, tone);
}

const otherOf = ({ to_id, recipients: [only], to }: MessageRow): string => nameOf(to_id ?? "", only?.name ?? to);

/** What became of it at each recipient. */
function wholeRows(message: MessageRow, row: (text: string) => Row): Row[] {
  const { recipients, states } = message;
  const all = Object.values(states).reduce((sum, count) => sum + count, 0);
  return [
    row(`id ${message.message_id} · ${message.urgency} · to ${message.to}`),
    ...recipients.map(({ peer_id, name, state, reason, delivered_at, read_at }) => {
      const at = read_at ?? delivered_at;
      return row(
        `${nameOf(peer_id, name)}: ${state}${at === undefined ? "" : ` ${hhmm(at)}`}${reason ? ` · ${reason}` : ""}`,
      );
    }),
    ...(all > recipients.length ? [row(`and ${all - recipients.length} more: cct message ${message.message_id}`)] : []),
  ];
}
