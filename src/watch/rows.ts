/** Rows of the screen: pieces of text with a tone, at a column. The caller gives each a width, and it stays within that. */
import { shortenMiddle, widthOf } from "../cli/parts/table.ts";
import { cut, visible } from "./text.ts";

/** What a piece says by its colour; each says it in words as well. */
export type Tone = "strong" | "quiet" | "amber" | "red" | "green" | "violet" | "accent" | "chosen";

export interface Piece {
  text: string;
  tone?: Tone | undefined;
  /** Of a name: it is cut before anything else, in its middle, because names that are alike often differ at the end. */
  least?: number | undefined;
}

/** Pieces side by side from a column on, the first being 0. */
interface Area {
  at: number;
  pieces: Piece[];
}

/** What stands in one row of the screen. */
export type Row = Area[];

export const piece = (text: string, tone?: Tone): Piece => ({ text, tone });

/** As much as is left of a name where there is little room. */
const LEAST_NAME = 6;
export const named = (text: string, tone?: Tone, least = LEAST_NAME): Piece => ({ text, tone, least });

/** Of a line with a name and what it said, the name leaves the larger part to the text. */
export const quoted = (name: string, text: string, columns: number, tone: Tone): Piece[] => [
  named(name, tone, Math.floor(columns * 0.45)),
  piece(`: ${text}`, tone),
];

/** Pieces that are no wider than `columns` together: names are cut first, then the one that has no room. */
export function fitted(pieces: readonly Piece[], columns: number): Piece[] {
  const all = pieces.map((one) => ({ ...one, text: visible(one.text) }));
  const room = roomOfNames(all, columns);
  let left = columns;
  return all.flatMap(({ text, tone }, i) => {
    if (left <= 0) return [];
    const shown = cut(shortenMiddle(text, room[i] ?? left), left);
    left -= widthOf(shown);
    return shown === "" ? [] : [{ text: shown, tone }];
  });
}

/** The width of each piece, once names have given what they can; the widest gives first. */
function roomOfNames(pieces: readonly Piece[], columns: number): number[] {
  const widths = pieces.map(({ text }) => widthOf(text));
  const spare = (i: number): number => {
    const { least } = pieces[i] ?? {};
    return least === undefined ? 0 : Math.max(0, (widths[i] ?? 0) - least);
  };
  const names = [...pieces.keys()].filter((i) => spare(i) > 0);
  let excess = widths.reduce((sum, width) => sum + width, 0) - columns;
  while (excess > 0 && names.some((i) => spare(i) > 0)) {
    const widest = names.reduce((a, b) => (spare(b) > spare(a) ? b : a));
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
  return widths;
}

const widthOfPieces = (pieces: readonly Piece[]): number => pieces.reduce((sum, { text }) => sum + widthOf(text), 0);

/** A row of `columns`: `left` from the beginning, `right` at the end. What is at the end is whole. */
export function spread(left: readonly Piece[], right: readonly Piece[], columns: number, at = 0): Row {
  const end = fitted(right, columns);
  const width = widthOfPieces(end);
  const start = fitted(left, columns - width - (width > 0 ? 1 : 0));
  const areas: Row = start.length > 0 ? [{ at, pieces: start }] : [];
  return end.length > 0 ? [...areas, { at: at + columns - width, pieces: end }] : areas;
}

/** Columns of a table, each with its width. */
export function columnsOf(cells: readonly (readonly [pieces: readonly Piece[], width: number])[], at = 0): Row {
  let column = at;
  return cells.flatMap(([pieces, width]) => {
    const from = column;
    column += width + 1;
    const shown = fitted(pieces, width);
    return shown.length > 0 ? [{ at: from, pieces: shown }] : [];
  });
}

export const line = (pieces: readonly Piece[], columns: number, at = 0): Row => spread(pieces, [], columns, at);

/** What a message answers. */
export const parentRow = (name: string, text: string, columns: number, at = 0): Row =>
  line([piece("↳ ", "quiet"), ...quoted(name, text, columns - 2, "quiet")], columns, at);

/** The same row, further to the right. */
export const moved = (row: Row, by: number): Row => row.map((area) => ({ ...area, at: area.at + by }));

/** What a row looks like without colours. */
export function plain(row: Row): string {
  let text = "";
  for (const { at, pieces } of row.toSorted((a, b) => a.at - b.at)) {
    text += " ".repeat(Math.max(0, at - widthOf(text)));
    text += pieces.map((one) => one.text).join("");
  }
  return text.trimEnd();
}
