/** Sentences of the terminal UI, in the words of the page. */
import type { OutputOf } from "../operations/index.ts";
import { OPERATOR_NAME } from "../rules/names.ts";
import { VOTE_SOON_MS } from "../rules/notifications.ts";
import type { Presence } from "../rules/presence.ts";
import { span } from "../rules/text.ts";
import type { Tone } from "./rows.ts";

export type Overview = OutputOf<"overview">;
export type Peer = Overview["peers"][number];
export type Pool = Overview["pools"][number];
export type Service = Overview["services"][number];
export type Need = OutputOf<"attention">["needs"][number];
export type Conversation = OutputOf<"conversations">["conversations"][number];
/** A message in lists: its beginning, and the first of its recipients. */
export type MessageRow = Conversation["last"];
export type Urgency = MessageRow["urgency"];

export const plural = (number: number, one: string, many = `${one}s`): string =>
  `${number} ${number === 1 ? one : many}`;

const two = (number: number): string => String(number).padStart(2, "0");
/** In the time zone of the person. */
export function hhmm(at: number): string {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}

export const dayOf = (at: number): string =>
  new Date(at).toLocaleDateString("en-GB", { weekday: "long", day: "numeric", month: "long" });

/** Shape and colour both say it. */
export const GLYPHS: Record<Presence, [text: string, tone: Tone | undefined]> = {
  active: ["●", "green"],
  idle: ["○", undefined],
  busy: ["◐", "violet"],
  blocked: ["▣", "amber"],
  offline: ["◌", "quiet"],
};

export function presenceText(peer: Peer, now: number): string {
  const { presence, busy_reason: reason, busy_until: until, since } = peer;
  const age = since === undefined ? "" : ` · ${span(now - since)}`;
  if (presence === "busy") {
    const left = until === undefined ? "" : until > now ? `${span(until - now)} left` : "overdue";
    return [reason ?? "busy", left].filter(Boolean).join(" · ");
  }
  if (presence === "blocked") return `needs permission${age}`;
  if (presence === "offline") return `offline · ${span(now - peer.last_seen)}`;
  return `${presence}${age}`;
}

/** What went wrong is red, what waits for the person amber. */
export const toneOf = ({ kind }: Need): Tone =>
  kind === "dead" || kind === "guard" || kind === "nohook" || kind === "service" ? "red" : "amber";

export { needSentence as sentence } from "../rules/texts/needs.ts";

export function detailOf({ votes, what, detail }: Need): string {
  if (!votes) return what === undefined ? detail : `${what} · ${detail}`;
  return `${votes.yes} of ${votes.needed} needed said yes${votes.no > 0 ? `, ${votes.no} no` : ""} · ${detail}`;
}

export function ageOf(need: Need, now: number): [text: string, tone: Tone] {
  if (need.deadline === undefined) return [span(now - need.at), "quiet"];
  const left = need.deadline - now;
  return [left > 0 ? `${span(left)} left` : "over", left < VOTE_SOON_MS ? "amber" : "quiet"];
}

/** `3 need you`. */
export const needTitle = (count: number): string =>
  count === 0 ? "Nothing needs you" : count === 1 ? "1 needs you" : `${count} need you`;

export const nameOf = (id: string, name: string): string =>
  id === OPERATOR_NAME ? "you" : id === "cct" ? "the broker" : name;

type States = MessageRow["states"];
const sum = (states: States, ...which: (keyof States)[]): number =>
  which.reduce((all, state) => all + (states[state] ?? 0), 0);

export const failedOf = ({ states }: Pick<MessageRow, "states">): number => sum(states, "dead", "expired", "refused");
export const heldOf = ({ states }: Pick<MessageRow, "states">): number => states.held ?? 0;

function seenBy({ read = 0, delivered = 0 }: States, total: number): string {
  if (read === total) return `read by all ${total}`;
  if (read > 0) return `read by ${read} of ${total}`;
  return delivered > 0 ? `delivered to ${delivered} of ${total}` : `queued for ${total}`;
}

/** What became of a message: of one recipient the state, of many a count of what is left to say. */
export function receiptText(message: MessageRow): [text: string, tone: Tone] {
  const total = Object.values(message.states).reduce((all, count) => all + count, 0);
  if (total === 0) return ["nobody was there to get it", "quiet"];
  const [failed, held] = [failedOf(message), heldOf(message)];
  const tone: Tone = failed > 0 ? "red" : held > 0 ? "amber" : message.states.read === total ? "green" : "quiet";
  const [only] = message.recipients;
  if (only && total === 1) {
    const at = only.state === "read" ? only.read_at : only.state === "delivered" ? only.delivered_at : undefined;
    const word = only.state === "dead" ? "dead letter" : only.state;
    return [at === undefined ? word : `${word} ${hhmm(at)}`, tone];
  }
  const more = `${failed > 0 ? `, ${failed} failed` : ""}${held > 0 ? `, ${held} held` : ""}`;
  return [`${seenBy(message.states, total)}${more}`, tone];
}

/** Whether it is mail to the person here that was not read. */
export const isUnread = ({ recipients }: MessageRow): boolean =>
  recipients.some(
    ({ peer_id, state }) => peer_id === OPERATOR_NAME && ["queued", "claimed", "delivered"].includes(state),
  );
