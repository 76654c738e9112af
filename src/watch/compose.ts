/** Writing a message: who gets it, how urgent it is, the text, and what to expect before it is sent. */
import type { Key } from "../cli/parts/context.ts";
import { widthOf } from "../cli/parts/table.ts";
import { OPERATOR_NAME } from "../rules/names.ts";
import { attemptOf, isTried } from "../rules/talk/attempt.ts";
import { isPoolTalk, othersIn } from "../rules/talk/key.ts";
import { interruptsMany, reachOf } from "../rules/talk/reach.ts";
import { expectedOf, expectedOfPool } from "../rules/texts/before-sending.ts";
import { edited, type Field, field, insert } from "./editor.ts";
import type { Cursor } from "./paint.ts";
import { line, named, parentRow, piece, type Row, type Tone } from "./rows.ts";
import { type Answered, type Composer, type Draft, membersOf, outgoingOf, poolNamed, type State } from "./state.ts";
import { charactersOf, flat, visible, wrapped } from "./text.ts";
import { nameOf, type Peer, type Urgency } from "./words.ts";

/** Rows of the text that are on the screen. */
const MOST_ROWS = 6;
/** Rows of an error below it. A low terminal has room for one. */
const MOST_NOTE_ROWS = 5;
const SPARE_ROWS = 16;
const URGENCIES: readonly Urgency[] = ["low", "normal", "interrupt"];

/** As a person would write it. Two peers of the same name are told apart by their machines. */
export function addressOf({ peers }: State, peer: Peer): string {
  const isShared = [...peers.values()].some((one) => one !== peer && one.name === peer.name);
  return isShared ? `${peer.name}@${peer.host}` : peer.name;
}

/** Whom one writes to in a conversation. */
function addressIn(state: State, key: string, asked?: Answered): string {
  if (isPoolTalk(key)) return key;
  const id = asked && asked.from !== OPERATOR_NAME ? asked.from : (othersIn(key)[0] ?? "");
  const peer = state.peers.get(id);
  if (peer) return addressOf(state, peer);
  // A person at another machine is addressed by the name.
  const known = state.conversations.flatMap((one) => one.with ?? []).find((one) => one.id === id);
  return known?.name ?? id;
}

export interface Opening {
  /** Where what is typed is kept: a conversation, `new`, or `new:` with an address. */
  key: string;
  to: string;
  answers?: Answered | undefined;
}

/** Opens it with what was typed there before. Only a reply changes to whom that goes, and what it answers. */
export function composing(state: State, { key, to, answers }: Opening): State {
  const kept: Draft = state.drafts.get(key) ?? { to: field(to), text: field(), urgency: "normal", problem: "" };
  const draft: Draft = answers ? { ...kept, to: field(to), answers } : kept;
  const active = draft.to.text === "" ? "to" : "text";
  return { ...state, composer: { ...draft, key, field: active, isSending: false, isTried: false } };
}

export const writingIn = (state: State, key: string, answers?: Answered): State =>
  composing(state, { key, to: addressIn(state, key, answers), answers });

/** Closes it. What was typed is kept. */
function putAside(state: State): State {
  const { composer } = state;
  if (!composer) return state;
  const drafts = new Map(state.drafts);
  const { key, to, text, urgency, answers, attempt, problem } = composer;
  if (text.text.trim() === "") drafts.delete(key);
  else drafts.set(key, { to, text, urgency, answers, attempt, problem });
  return { ...state, composer: undefined, drafts };
}

const isAttempt = ({ attempt }: Draft, message_id: string): boolean => attempt?.message_id === message_id;

const isUnchanged = (draft: Draft): boolean => draft.attempt !== undefined && isTried(draft.attempt, outgoingOf(draft));

/** After it was sent. What was changed meanwhile is another message, and stays. */
export function sent(state: State, message_id: string): State {
  const { composer } = state;
  const isDone = (draft: Draft): boolean => isAttempt(draft, message_id) && isUnchanged(draft);
  const drafts = new Map([...state.drafts].filter(([, draft]) => !isDone(draft)));
  return { ...state, drafts, composer: composer && isDone(composer) ? undefined : composer };
}

/** After it was not sent, or perhaps: the text stays where it is, and says why. */
export function notSent(state: State, message_id: string, why: string, isUnconfirmed: boolean): State {
  const { composer } = state;
  const said = <D extends Draft>(draft: D): D => {
    const unconfirmed = isUnchanged(draft)
      ? "Not confirmed; Enter sends it again, and it arrives once. "
      : "Not confirmed: the text before your changes may have arrived. ";
    return { ...draft, problem: (isUnconfirmed ? unconfirmed : "") + why };
  };
  if (composer && isAttempt(composer, message_id))
    return { ...state, composer: { ...said(composer), isSending: false } };
  const drafts = [...state.drafts].map(
    ([key, draft]) => [key, isAttempt(draft, message_id) ? said(draft) : draft] as const,
  );
  return { ...state, drafts: new Map(drafts) };
}

/** `isSent`: it is to be sent now. */
interface Composed {
  state: State;
  isSent?: boolean;
}

export function composerKey(state: State, composer: Composer, key: Key, newId: () => string): Composed {
  const put = (more: Partial<Composer>): Composed => ({
    state: { ...state, composer: changed(state, composer, more) },
  });
  if (key.name === "escape") return { state: putAside(state) };
  // What is on its way stays as it is.
  if (composer.isSending) return { state };
  if (key.name === "tab") return put(key.shift ? { field: "to" } : tabbed(state, composer));
  const isNewLine = (key.name === "return" && key.meta) || key.name === "enter";
  if (isNewLine) return composer.field === "to" ? put({ field: "text" }) : put({ text: insert(composer.text, "\n") });
  if (key.name === "return")
    return composer.field === "to" ? put(tabbed(state, composer)) : submit(state, composer, newId);
  const next = edited(composer[composer.field], key);
  if (!next) return { state };
  return put(composer.field === "to" ? { to: next } : { text: next });
}

/** With what was changed. Why the broker did not take it was about what it was before. */
function changed(state: State, composer: Composer, more: Partial<Composer>): Composer {
  const next = { ...composer, ...more };
  const isSame = next.to.text === composer.to.text && next.text === composer.text && next.urgency === composer.urgency;
  return { ...next, problem: isSame ? next.problem : "", isTried: next.isTried && lacking(state, next) !== "" };
}

export function pasted(state: State, composer: Composer, text: string): Composer {
  if (composer.isSending) return composer;
  const clean = text.replace(/\r\n?/g, "\n");
  const more =
    composer.field === "to"
      ? { to: insert(composer.to, clean.replace(/\s+/g, " ").trim()) }
      : { text: insert(composer.text, clean) };
  return changed(state, composer, more);
}

/** In the address: completes it, or goes to the text. In the text: the next urgency. */
function tabbed(state: State, composer: Composer): Partial<Composer> {
  if (composer.field === "text") {
    const next = URGENCIES[(URGENCIES.indexOf(composer.urgency) + 1) % URGENCIES.length] ?? "normal";
    return { urgency: next };
  }
  const typed = composer.to.text.trim();
  const found = candidates(state, typed);
  if (typed === "" || found.includes(typed) || found.length === 0) return { field: "text" };
  const common = found.reduce((a, b) => commonStart(a, b));
  return common.length > typed.length ? { to: field(common), ...(found.length === 1 && { field: "text" }) } : {};
}

function commonStart(a: string, b: string): string {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return a.slice(0, i);
}

const candidates = (state: State, start: string): string[] =>
  [...[...state.peers.values()].map((peer) => addressOf(state, peer)), ...state.pools.map(({ name }) => `@${name}`)]
    .filter((name) => name.startsWith(start))
    .sort();

function submit(state: State, composer: Composer, newId: () => string): Composed {
  if (lacking(state, composer) !== "") return { state: { ...state, composer: { ...composer, isTried: true } } };
  const size = reachOf(composer.to.text, state.peers.values(), state.pools);
  if (interruptsMany(composer.urgency, size))
    return { state: { ...state, question: { text: `Interrupt ${size} sessions?`, yes: "send" } } };
  return { state: sending(state, newId), isSent: true };
}

/** Why it cannot be sent as it is. */
function lacking({ link }: State, { to, text }: Composer): string {
  if (to.text.trim() === "") return "To whom? Shift-Tab goes to the address.";
  if (to.text.includes(",")) return "One recipient here, or a pool. For several: cct send ann,bob 'the text'";
  if (text.text.trim() === "") return "Write something first.";
  return link === "lost" ? "There is no connection to the broker. The text stays here; send it when it is back." : "";
}

/** Under the id of the last attempt, if nothing has changed in it: another text is another message. */
export function sending(state: State, newId: () => string): State {
  const { composer } = state;
  if (!composer) return state;
  const attempt = attemptOf(composer.attempt, outgoingOf(composer), newId);
  return { ...state, composer: { ...composer, attempt, isSending: true, isTried: false, problem: "" } };
}

function expectedFor(state: State, { to, urgency }: Composer): string {
  const address = to.text.trim();
  const peer = [...state.peers.values()].find((one) => addressOf(state, one) === address || one.peer_id === address);
  if (peer) return expectedOf(peer, urgency, state.now);
  const pool = poolNamed(state, address);
  if (pool) return expectedOfPool(pool, membersOf(state, pool), urgency);
  const found = address === "" ? [] : candidates(state, address);
  if (found.length > 0) return `Tab completes: ${found.slice(0, 6).join(", ")}${found.length > 6 ? ", …" : ""}`;
  return "You write as the operator: sessions see that a person wrote it.";
}

interface Edited {
  rows: string[];
  cursor: Cursor;
}

const known = new WeakMap<Field, Edited & { columns: number }>();

/** A text that is edited: its rows, broken at any character, and where the cursor is in them. */
function editRows(of: Field, columns: number): Edited {
  const before = known.get(of);
  if (before?.columns === columns) return before;
  const made = { ...brokenUp(of, columns), columns };
  known.set(of, made);
  return made;
}

function brokenUp({ text, at }: Field, columns: number): Edited {
  const rows = [""];
  let cursor: Cursor = { row: 0, column: 0 };
  let width = 0;
  let place = 0;
  const mark = (): void => {
    if (place <= at) cursor = { row: rows.length - 1, column: width };
  };
  for (const character of charactersOf(text)) {
    mark();
    place += character.length;
    if (character === "\n" || character === "\r\n") {
      rows.push("");
      width = 0;
      continue;
    }
    const shown = visible(character);
    const more = widthOf(shown);
    if (width + more > columns) {
      rows.push("");
      width = 0;
      if (place - character.length <= at) cursor = { row: rows.length - 1, column: 0 };
    }
    rows[rows.length - 1] += shown;
    width += more;
  }
  mark();
  return { rows, cursor };
}

/** What stands below the text: why it was not sent, or what to expect. */
function saysOf(state: State, composer: Composer): [text: string, tone: Tone] {
  const problem = (composer.isTried && lacking(state, composer)) || composer.problem;
  if (problem !== "") return [problem, "red"];
  return [composer.isSending ? "Sending…" : expectedFor(state, composer), "quiet"];
}

/** As many rows as it needs. Of what has no room the beginning is shown, with an ellipsis. */
function noteRows(text: string, columns: number, most: number): string[] {
  const rows = wrapped(text, columns);
  const rest = rows.slice(most - 1).join(" ");
  return rows.length <= most ? rows : [...rows.slice(0, most - 1), rest];
}

/** The composer, and where the cursor is in it. */
export function composerRows(state: State, composer: Composer, columns: number): { rows: Row[]; cursor: Cursor } {
  const { to, text, urgency, answers, field: active } = composer;
  const label = "To ";
  const address = editRows(to, columns);
  const room = Math.max(10, columns - 2);
  const edited = editRows(text, room);
  const first = Math.max(0, Math.min(edited.cursor.row - MOST_ROWS + 1, edited.rows.length - MOST_ROWS));
  const textRows = edited.rows.slice(first, first + MOST_ROWS);
  const head: Row[] = [
    line([piece("─".repeat(columns), "quiet")], columns),
    line(
      [
        piece(label, "quiet"),
        active === "to" ? piece(to.text === "" ? "…" : to.text, "strong") : named(to.text, "strong"),
        piece("   urgency ", "quiet"),
        piece(urgency, urgency === "interrupt" ? "red" : "strong"),
        ...(text.text.length > 200 ? [piece(`   ${text.text.length} characters`, "quiet")] : []),
      ],
      columns,
    ),
    ...(answers ? [parentRow(nameOf(answers.from, answers.from_name), flat(answers.text), columns)] : []),
  ];
  const [says, tone] = saysOf(state, composer);
  const note = noteRows(says, columns, Math.max(1, Math.min(MOST_NOTE_ROWS, state.rows - SPARE_ROWS)));
  const cursor =
    active === "to"
      ? { row: 1, column: Math.min(columns - 1, widthOf(label) + address.cursor.column) }
      : { row: head.length + edited.cursor.row - first, column: Math.min(columns - 1, 2 + edited.cursor.column) };
  return {
    rows: [
      ...head,
      ...textRows.map((words) => line([piece(words)], room, 2)),
      ...note.map((words) => line([piece(words, tone)], columns)),
    ],
    cursor,
  };
}
