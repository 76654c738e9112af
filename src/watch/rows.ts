/** Rows of the screen: pieces of text with a tone, at a column. The caller gives each a width, and it stays within that. */
import { widthOf } from "../cli/parts/table.ts";
import { cut, visible } from "./text.ts";

/** What a piece says by its colour; each says it in words as well. */
export type Tone = "strong" | "quiet" | "amber" | "red" | "green" | "violet" | "accent" | "chosen";

export interface Piece {
  text: string;
  tone?: Tone | undefined;
}

/** Pieces side by side from a column on, the first being 0. */
interface Area {
  at: number;
  pieces: Piece[];
}

/** What stands in one row of the screen. */
export type Row = Area[];

export const piece = (text: string, tone?: Tone): Piece => ({ text, tone });

/** Pieces that are no wider than `columns` together. The one that has no room is cut. */
export function fitted(pieces: readonly Piece[], columns: number): Piece[] {
  let left = columns;
  return pieces.flatMap(({ text, tone }) => {
    if (left <= 0) return [];
    const shown = cut(visible(text), left);
    left -= widthOf(shown);
    return shown === "" ? [] : [{ text: shown, tone }];
  });
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
