/** The whole screen, from what is known: rows that are never wider or more than the terminal has. */

import { needTitle } from "../rules/texts/people.ts";
import { failedOf, isUnread } from "../rules/texts/receipts.ts";
import { actionsOf, peerOfView, poolOfView } from "./actions.ts";
import { composerRows } from "./compose.ts";
import { detailRows } from "./details.ts";
import { helpRows } from "./help.ts";
import { activeList, HEAD_ROWS, layoutOf, listNamed } from "./layout.ts";
import { endsOnScreen, visibleRows } from "./list.ts";
import { needChosen } from "./now.ts";
import type { Cursor, Frame } from "./paint.ts";
import { line, moved, type Piece, piece, type Row, spread } from "./rows.ts";
import { isWide, NARROWEST, needCount, poolNamed, presenceCounts, type State, unsentOf } from "./state.ts";
import { titlePieces } from "./talk.ts";
import { cut, visible } from "./text.ts";
import { plural } from "./words.ts";

export function frameOf(state: State): Frame {
  const { columns, rows } = state;
  if (columns < NARROWEST.columns || rows < NARROWEST.rows) return tooSmall(state);
  const { height } = layoutOf(state);
  const foot = footOf(state);
  const body = state.isHelp ? filled(helpRows(columns), height) : bodyOf(state);
  const at = HEAD_ROWS + body.length;
  const cursor = foot.cursor && { row: at + foot.cursor.row, column: foot.cursor.column };
  const all = [...headOf(state), ...body, ...foot.rows];
  return { title: titleOfWindow(state), rows: filled(all, rows), cursor };
}

/** So many rows, whatever there is. */
const filled = (some: readonly Row[], height: number): Row[] => [
  ...some.slice(0, height),
  ...Array.from({ length: Math.max(0, height - some.length) }, (): Row => []),
];

function tooSmall(state: State): Frame {
  const { columns, rows } = state;
  const words = `At least ${NARROWEST.columns} columns and ${NARROWEST.rows} rows are needed. q quits.`;
  return { title: titleOfWindow(state), rows: filled([line([piece(words)], columns)], rows) };
}

/** Seen while one looks at another window. */
function titleOfWindow(state: State): string {
  const count = needCount(state);
  return `${count > 0 ? `(${count}) ` : ""}CCT`;
}

function headOf(state: State): Row[] {
  const { columns, view, broker, link, trouble } = state;
  const tab = (name: string, isHere: boolean): Piece =>
    isHere ? piece(`[${name}]`, "strong") : piece(` ${name} `, "quiet");
  const count = needCount(state);
  const tabs = [
    piece("CCT  ", "accent"),
    tab(`1 Now${count > 0 ? ` (${count})` : ""}`, view === "now"),
    piece("  "),
    tab("2 Talk", view === "talk"),
  ];
  const lost = "No connection to the broker. What you see is from before; it goes on by itself.";
  const said = trouble !== "" ? trouble : link === "lost" ? lost : "";
  return [
    spread(tabs, [piece(broker, "quiet")], columns),
    spread(titleRow(state), rightTitle(state), columns),
    line([piece(said, "red")], columns),
  ];
}

function titleRow(state: State): Piece[] {
  if (state.view === "talk") {
    const { talk } = state;
    if (!talk || !state.inTalk) return [piece("Conversations", "strong")];
    const pool = poolNamed(state, talk.key);
    return [
      ...titlePieces(state, talk.key),
      ...(pool?.paused ? [piece("  paused", "amber")] : []),
      piece(pool ? `  ${plural(pool.size, "member")}  ${pool.purpose}` : "", "quiet"),
    ];
  }
  const counts = presenceCounts(state);
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  const sessions = `${plural(state.peers.size, "session")}${some.length > 0 ? ": " : ""}`;
  const count = needCount(state);
  return [
    piece(needTitle(count), count > 0 ? "amber" : "strong"),
    piece(` · ${sessions}${some.map(([presence, many]) => `${many} ${presence}`).join(", ")}`, "quiet"),
  ];
}

function rightTitle({ filter }: State): Piece[] {
  return filter.text.text !== "" && !filter.isTyping ? [piece(`/${filter.text.text}`, "accent")] : [];
}

/** Beside each other where there is room. */
function bodyOf(state: State): Row[] {
  const { height, left, right, rightAt } = layoutOf(state);
  const name = activeList(state);
  const list = (which: typeof name): Row[] => {
    const { items, place } = listNamed(state, which);
    return visibleRows(items, place, height, which === name);
  };
  if (!isWide(state)) return list(name);
  const main = list(state.view);
  const beside =
    state.view === "now"
      ? filled(detailRows(state, state.places.now.chosen, right), height)
      : state.talk
        ? list("messages")
        : filled([line([piece("Enter opens a conversation.", "quiet")], right)], height);
  return main.map((row, i) => [
    ...row,
    { at: left + 1, pieces: [piece("│", "quiet")] },
    ...moved(beside[i] ?? [], rightAt),
  ]);
}

/** What one types, what was done, and which keys there are. */
function footOf(state: State): { rows: Row[]; cursor?: Cursor | undefined } {
  const { columns, composer, question, filter, toast, running } = state;
  const row = (text: string, tone?: Piece["tone"]): Row => line([piece(text, tone)], columns);
  if (question)
    return { rows: [...(composer ? composerRows(state, composer, columns).rows : [row("")]), asked(question.text)] };
  if (composer) {
    const { rows, cursor } = composerRows(state, composer, columns);
    const keys = "Enter sends  Alt-Enter new line  Tab urgency  Shift-Tab address  Esc later";
    return { rows: [...rows, toast?.tone === "failed" ? row(toast.text, "red") : row(keys, "quiet")], cursor };
  }
  if (filter.isTyping) {
    const typed = `/${filter.text.text}`;
    return { rows: [row(typed, "accent"), row("Enter keeps the filter  Esc removes it", "quiet")] };
  }
  const said = toast
    ? row(toast.text, toast.tone === "failed" ? "red" : "green")
    : running > 0
      ? row("Working…", "quiet")
      : row(unsent(state), "red");
  return { rows: [said, row(hintsOf(state), "quiet")] };

  function asked(text: string): Row {
    const keys = "  y yes  n no";
    return line([piece(cut(visible(text), columns - keys.length), "amber"), piece(keys, "strong")], columns);
  }
}

/** Said for as long as it is so. */
function unsent(state: State): string {
  const [, draft] = unsentOf(state) ?? [];
  return draft ? `Not sent to ${draft.to.text}; o opens it. ${draft.problem}` : "";
}

/** The keys that do something here. */
function hintsOf(state: State): string {
  const { view, inTalk, talk, canUndo, isHelp } = state;
  if (isHelp) return "Esc back";
  const undo = canUndo ? ["u undo"] : [];
  const last = ["/ filter", "? help", "q quit"];
  if (view === "talk") {
    const pool = poolOfView(state);
    const pauses = pool ? [pool.paused ? "p resume" : "p pause"] : [];
    if (!inTalk || !talk) return [...undo, "Enter open", "c write", ...pauses, ...last].join("  ");
    const { place } = listNamed(state, "messages");
    const message = talk.list.find(({ message_id }) => message_id === place.chosen);
    const again = message && failedOf(message) > 0 ? ["a send again"] : [];
    return [...undo, ...again, "r reply", "c write", "Enter full text", ...pauses, "Esc back", ...last].join("  ");
  }
  const peer = peerOfView(state);
  const need = needChosen(state, state.places.now.chosen);
  const mutes = peer ? [peer.muted ? "m unmute" : "m mute"] : [];
  const closes = state.details === undefined ? [] : ["Esc back"];
  if (need) {
    const keys = actionsOf(state, need).map(([text], i) => `${["a", "x"][i]} ${text}`);
    return [...undo, ...keys, "e dismiss", ...closes, ...last].join("  ");
  }
  return [...undo, ...(peer ? ["c write", "t talk", ...mutes] : ["c write"]), ...closes, ...last].join("  ");
}

/** Mail to the person here that is unread, and whose end is on the screen. */
export function unreadOnScreen(state: State): string[] {
  const { view, talk, inTalk, isHelp } = state;
  if (view !== "talk" || !talk || isHelp || (!inTalk && !isWide(state))) return [];
  const { items, place, height } = listNamed(state, "messages");
  const seen = new Set(endsOnScreen(items, place.top, height));
  return talk.list.filter((one) => seen.has(one.message_id) && isUnread(one)).map(({ message_id }) => message_id);
}
