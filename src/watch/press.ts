/** What a key does: the next state, and what is to be done at the broker. */
import type { Key } from "../cli/parts/context.ts";
import { failedOf } from "../rules/texts/receipts.ts";
import { actionsOf, peerOfView, poolOfView, type Step } from "./actions.ts";
import { composerKey, composing, pasted, sending } from "./compose.ts";
import type { Deed } from "./deed.ts";
import { dismiss, goOn, mute, pause, resend, unmute } from "./doing.ts";
import { edited, field } from "./editor.ts";
import { active, listNamed, placed } from "./layout.ts";
import { ended, paged, stepped } from "./list.ts";
import {
  composed,
  detailed,
  isReading,
  messageOf,
  needOf,
  opened,
  openTalk,
  replying,
  talked,
  unsentOpened,
} from "./opening.ts";
import { isWide, type State } from "./state.ts";
import type { Need } from "./words.ts";

/** What keys need from outside. */
interface Outside {
  newMessageId(): string;
}

export interface Pressed {
  state: State;
  /** To be done at the broker. */
  deed?: Deed;
  /** The need that it settles, which leaves the list at once. */
  of?: Need;
  /** The composer is to be sent. */
  isSent?: boolean;
  isUndo?: boolean;
  isLeaving?: boolean;
  isRepaint?: boolean;
}

const NO_FILTER: State["filter"] = { text: field(), isTyping: false };
const ESCAPE: Key = { name: "escape", text: "", ctrl: false, meta: false, shift: false };

export function press(before: State, key: Key, outside: Outside): Pressed {
  if (key.ctrl && key.name === "c") return { state: before, isLeaving: true };
  if (key.ctrl && key.name === "l") return { state: before, isRepaint: true };
  // An error stays until one goes on.
  const state = before.toast?.tone === "failed" ? { ...before, toast: undefined } : before;
  if (state.question) return answered(state, state.question, key, outside);
  if (state.composer) return composerKey(state, state.composer, key, outside.newMessageId);
  if (state.filter.isTyping) return { state: filtered(state, key) };
  // Escape and another key at once look like that key with Alt, which means nothing here.
  if (key.meta) return press(press(state, ESCAPE, outside).state, { ...key, meta: false }, outside);
  if (state.isHelp) return { state: { ...state, isHelp: false } };
  if (key.ctrl) return { state: byControl(state, key) };
  return byKey(state, key);
}

/** Pasted text goes where one types; elsewhere it is not taken for keys. */
export function paste(state: State, text: string): State {
  const { composer, filter, question } = state;
  if (question) return state;
  if (composer) return { ...state, composer: pasted(state, composer, text) };
  if (!filter.isTyping) return state;
  return { ...state, filter: { ...filter, text: field(filter.text.text + text.replace(/\s+/g, " ")) } };
}

function answered(state: State, { yes }: NonNullable<State["question"]>, key: Key, { newMessageId }: Outside): Pressed {
  const isYes = key.name === "y";
  const isNo = key.name === "n" || key.name === "escape";
  if (!isYes && !isNo) return { state };
  const next = { ...state, question: undefined };
  if (isNo) return { state: next };
  if (yes === "quit") return { state: next, isLeaving: true };
  if (yes === "send") return { state: sending(next, newMessageId), isSent: true };
  return settling(next, yes.need, yes.deed);
}

function filtered(state: State, key: Key): State {
  const { filter } = state;
  if (key.name === "escape") return { ...state, filter: NO_FILTER };
  if (key.name === "return" || key.name === "enter" || key.name === "down" || key.name === "tab")
    return { ...state, filter: { ...filter, isTyping: false } };
  const text = edited(filter.text, key);
  return text ? { ...state, filter: { ...filter, text } } : state;
}

/** So soon after the list has moved by itself, an action was meant for what was there before. */
const MOVED_MS = 1_000;
/** A key that is held comes again sooner than this, and acts on nothing more. */
const HELD_MS = 300;

function byControl(state: State, { name }: Key): State {
  const list = active(state);
  const half = Math.max(1, Math.floor(list.height / 2));
  switch (name) {
    case "n":
      return step(state, 1);
    case "p":
      return step(state, -1);
    case "d":
      return placed(state, list.name, stepped(list.items, list.place, list.height, half));
    case "u":
      return placed(state, list.name, stepped(list.items, list.place, list.height, -half));
    default:
      return state;
  }
}

function step(state: State, by: number): State {
  const { name, items, place, height } = active(state);
  return placed(state, name, stepped(items, place, height, by));
}

function page(state: State, by: 1 | -1): State {
  const { name, items, place, height } = active(state);
  return placed(state, name, paged(items, place, height, by));
}

function end(state: State, at: "first" | "last"): State {
  const { name, items, height } = active(state);
  return placed(state, name, ended(items, height, at));
}

const MOVES: Record<string, (state: State) => State> = {
  j: (state) => step(state, 1),
  down: (state) => step(state, 1),
  k: (state) => step(state, -1),
  up: (state) => step(state, -1),
  pagedown: (state) => page(state, 1),
  space: (state) => page(state, 1),
  pageup: (state) => page(state, -1),
  g: (state) => end(state, "first"),
  home: (state) => end(state, "first"),
  G: (state) => end(state, "last"),
  end: (state) => end(state, "last"),
  escape: back,
  "1": (state) => ({ ...state, view: "now", details: undefined, filter: NO_FILTER }),
  "2": (state) => ({ ...state, view: "talk", filter: NO_FILTER }),
  "?": (state) => ({ ...state, isHelp: true }),
  "/": (state) => ({ ...state, filter: { ...state.filter, isTyping: true } }),
  "[": (state) => otherTalk(state, -1),
  "]": (state) => otherTalk(state, 1),
};

function byKey(state: State, key: Key): Pressed {
  const name = /^[!-~]$/.test(key.text) ? key.text : key.name;
  const move = MOVES[name];
  // A person who moves has seen the change, so actions are safe again.
  if (move) return { state: { ...move(state), movedAt: 0 } };
  switch (name) {
    case "q":
      return leaving(state);
    case "return":
    case "right":
      return { state: opened(state) };
    case "left":
      return { state: back(state) };
    case "c":
      return { state: composed(state) };
    case "r":
      return { state: replying(state) };
    case "t":
      return { state: talked(state) };
    case "o":
      return { state: unsentOpened(state) };
    case "u":
      return { state, isUndo: true };
    case "a":
    case "x":
      return acting(state, name === "a" ? 0 : 1);
    case "e":
      return dismissing(state);
    case "m":
      return deedFor(state, peerOfView(state), (peer) => (peer.muted ? unmute(peer) : mute(peer)));
    case "p":
      return deedFor(state, poolOfView(state), (pool) => (pool.paused ? goOn(pool) : pause(pool)));
    default:
      return { state };
  }
}

const deedFor = <T>(state: State, thing: T | undefined, make: (thing: T) => Deed): Pressed =>
  thing === undefined ? { state } : { state, deed: make(thing) };

function leaving(state: State): Pressed {
  const { size } = state.drafts;
  if (size === 0) return { state, isLeaving: true };
  const what = size === 1 ? "A message that you wrote is" : `${size} messages that you wrote are`;
  return { state: { ...state, question: { text: `${what} not sent. Leave anyway?`, yes: "quit" } } };
}

/** One step back to where one was. */
function back(state: State): State {
  if (state.view === "now" && state.details !== undefined) return { ...state, details: undefined };
  if (state.view === "talk" && state.inTalk) return { ...state, inTalk: false };
  if (state.filter.text.text !== "") return { ...state, filter: NO_FILTER };
  return state.toast ? { ...state, toast: undefined } : state;
}

function otherTalk(state: State, by: number): State {
  const { items, place, height } = listNamed(state, "talk");
  const next = stepped(items, place, height, by);
  const moved = placed(state, "talk", next);
  return state.view === "talk" && state.inTalk && next.chosen !== undefined ? openTalk(moved, next.chosen) : moved;
}

const hasMoved = ({ now, movedAt }: State): boolean => now - movedAt < MOVED_MS;

const warned = (state: State): State => ({
  ...state,
  movedAt: Math.max(state.movedAt, state.now - MOVED_MS + HELD_MS),
  toast: { text: "The list has changed: look what is chosen now, and press again.", tone: "failed" },
});

/** A need that is being settled takes no second action, and one that has just moved here was not meant. */
function refused(state: State, { need_id }: Need): Pressed | undefined {
  if (state.settling.has(need_id)) return { state };
  return hasMoved(state) ? { state: warned(state) } : undefined;
}

const settling = (state: State, of: Need, deed: Deed): Pressed => ({
  state: { ...state, settling: new Set([...state.settling, of.need_id]) },
  deed,
  of,
});

function acting(state: State, which: 0 | 1): Pressed {
  if (isReading(state)) {
    const message = messageOf(state);
    return which === 0 && message && failedOf(message) > 0 ? { state, deed: resend(message) } : { state };
  }
  const need = state.view === "now" ? needOf(state) : undefined;
  const step = need && actionsOf(state, need)[which]?.[1];
  if (!need || !step) return { state };
  return refused(state, need) ?? taken(state, need, step);
}

function taken(state: State, need: Need, step: Step): Pressed {
  switch (step.does) {
    case "deed":
      if (!step.asks) return settling(state, need, step.deed);
      return { state: { ...state, question: { text: step.asks.title, yes: { need, deed: step.deed } } } };
    case "answer":
      return { state: replying(state) };
    case "details":
      return { state: isWide(state) ? state : detailed(state, step.item) };
    case "talk":
      return { state: openTalk(state, step.key) };
    case "write":
      return { state: composing(state, { key: step.key, to: step.to }) };
  }
}

function dismissing(state: State): Pressed {
  const need = state.view === "now" ? needOf(state) : undefined;
  if (!need) return { state };
  return refused(state, need) ?? settling(state, need, dismiss(need));
}
