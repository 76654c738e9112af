/** Sentences of the terminal UI, in the words of the page. */
import type { OutputOf } from "../operations/index.ts";
import type { DeliveryState } from "../rules/delivery.ts";
import { BROKER_NAME, OPERATOR_NAME } from "../rules/names.ts";
import type { Presence } from "../rules/presence.ts";
import { ballotWords, needAge } from "../rules/texts/people.ts";
import { countedWords, onlyRecipient, stateOfAll, stateWords } from "../rules/texts/receipts.ts";
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

/** What went wrong is red, what waits for the person amber. */
export const toneOf = ({ kind }: Need): Tone =>
  kind === "dead" || kind === "guard" || kind === "nohook" || kind === "service" ? "red" : "amber";

export { needParts as partsOf, needSentence as sentence } from "../rules/texts/needs.ts";

export function detailOf({ votes, what, detail }: Need): string {
  if (!votes) return what === undefined ? detail : `${what} · ${detail}`;
  return `${ballotWords(votes)} · ${detail}`;
}

export function ageOf(need: Need, now: number): [text: string, tone: Tone] {
  const { words, isSoon } = needAge(need, now);
  return [words, isSoon ? "amber" : "quiet"];
}

export const nameOf = (id: string, name: string): string =>
  id === OPERATOR_NAME ? "you" : id === BROKER_NAME ? "the broker" : name;

const TONES: Partial<Record<DeliveryState, Tone>> = { dead: "red", held: "amber", read: "green" };

/** What became of a message: of one recipient the state, of many a count of what is left to say. */
export function receiptText(message: MessageRow): [text: string, tone: Tone] {
  const tone = TONES[stateOfAll(message)] ?? "quiet";
  const only = onlyRecipient(message);
  if (!only) return [countedWords(message), tone];
  const { words, at } = stateWords(only);
  return [at === undefined ? words : `${words} ${hhmm(at)}`, tone];
}
