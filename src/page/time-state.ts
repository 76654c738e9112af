/** What the time view shows of a window of time: the bands of each session, and when it sent and got mail. */
import { hasFailed } from "../rules/delivery.ts";
import { fromHistory } from "../rules/talk/row.ts";
import { failedOf } from "../rules/texts/receipts.ts";
import { call } from "./source.ts";
import { readSpans } from "./spans.ts";
import { BROKER } from "./state.ts";
import type { MessageRow, Presence, Spans } from "./types.ts";

export interface Window {
  from: number;
  to: number;
}

export interface Mail {
  sent: number[];
  got: number[];
  lost: number[];
}

interface Bar {
  messages: number;
  failed: number;
}

export interface Timeline extends Window {
  spans: Map<string, Spans>;
  mail: Map<string, Mail>;
  bars: Bar[];
  messages: number;
  /** There were more messages than are counted. */
  isPartial: boolean;
}

export const BARS = 60;
const PAGE = 500;
const MOST = 2_000;

export async function readTimeline({ from, to }: Window): Promise<Timeline> {
  const [spans, found] = await Promise.all([readSpans(from, to), readMessages(from, to)]);
  const bars = Array.from({ length: BARS }, (): Bar => ({ messages: 0, failed: 0 }));
  const mail = new Map<string, Mail>();
  const of = (id: string): Mail => {
    const known = mail.get(id) ?? { sent: [], got: [], lost: [] };
    mail.set(id, known);
    return known;
  };
  for (const message of found.messages) {
    const bar = bars[Math.min(BARS - 1, Math.floor(((message.sent_at - from) / (to - from)) * BARS))];
    if (bar) {
      bar.messages++;
      if (failedOf(message) > 0) bar.failed++;
    }
    of(message.from).sent.push(message.sent_at);
    for (const { peer_id, state } of message.recipients) {
      of(peer_id)[hasFailed({ state }) ? "lost" : "got"].push(message.sent_at);
    }
  }
  return { from, to, spans, mail, bars, messages: found.messages.length, isPartial: found.isPartial };
}

/** The latest messages of a window; what the broker reports is no message of a session. */
async function readMessages(from: number, to: number): Promise<{ messages: MessageRow[]; isPartial: boolean }> {
  const messages: MessageRow[] = [];
  // A place of the history is a number that grows with the time of sending.
  for (let before = Math.round(to) * 1000 + 999; ; ) {
    const page = await call("messages", { limit: PAGE, before, full: false });
    const rows = page.messages.map(fromHistory);
    messages.push(...rows.filter((one) => one.from !== BROKER && one.sent_at >= from && one.sent_at <= to));
    const last = rows.at(-1);
    if (!last || page.next === undefined || last.sent_at < from) return { messages, isPartial: false };
    if (messages.length >= MOST) return { messages, isPartial: true };
    before = page.next;
  }
}

/** The time that a session spent in each presence, within a window. */
export function timeIn(spans: Spans, { from, to }: Window): Partial<Record<Presence, number>> {
  const spent: Partial<Record<Presence, number>> = {};
  for (const [i, [start, state]] of spans.entries()) {
    const length = Math.min(spans[i + 1]?.[0] ?? to, to) - Math.max(start, from);
    if (length > 0) spent[state] = (spent[state] ?? 0) + length;
  }
  return spent;
}

const MINUTE = 60_000;
const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].map((minutes) => minutes * MINUTE);

/** Round times within a window, at most `most` of them. */
export function ticksIn({ from, to }: Window, most: number): number[] {
  const step = TICKS.find((one) => (to - from) / one <= most) ?? 24 * 60 * MINUTE;
  // Round by the clock on the wall here.
  const shift = new Date(from).getTimezoneOffset() * MINUTE;
  const first = Math.ceil((from - shift) / step) * step + shift;
  const ticks: number[] = [];
  for (let at = first; at <= to; at += step) ticks.push(at);
  return ticks;
}
