/** Puts rows on a terminal: only those that have changed, each at its place, so that a character of unexpected width moves no other row. */

import type { Row, Tone } from "./rows.ts";
import { visible } from "./text.ts";

const ESC = "\u001b[";

const SGR: Record<Tone, string> = {
  strong: "1",
  quiet: "2",
  amber: "33",
  red: "31",
  green: "32",
  violet: "35",
  accent: "36",
  chosen: "7",
};

/** The screen and the title are ours: no line wraps by itself, pasted text is marked as such, and no cursor is shown. */
export const ENTER = `${ESC}22;2t${ESC}?1049h${ESC}?7l${ESC}?2004h${ESC}?25l${ESC}0m${ESC}2J`;
/** Restores the terminal. */
export const LEAVE = `${ESC}0m${ESC}?2004l${ESC}?7h${ESC}?25h${ESC}?1049l${ESC}23;2t`;
/** What stands between these is shown at once, by terminals that know them. */
const [BEGIN, END] = [`${ESC}?2026h`, `${ESC}?2026l`];

export interface Cursor {
  row: number;
  column: number;
}

export interface Frame {
  /** Of the terminal's window: words of our own. */
  title: string;
  rows: Row[];
  /** Where one types. */
  cursor?: Cursor | undefined;
}

function painted(row: Row, colour: boolean): string {
  return row
    .map(({ at, pieces }) => {
      const texts = pieces.map(({ text, tone }) => {
        // Once more: no way leads around this.
        const safe = visible(text);
        return colour && tone ? `${ESC}${SGR[tone]}m${safe}${ESC}0m` : safe;
      });
      return `${ESC}${at + 1}G${texts.join("")}`;
    })
    .join("");
}

export interface Painter {
  /** What to write, so that the terminal shows the frame. */
  next(frame: Frame): string;
  /** The terminal shows something else: all is painted again. */
  forget(): void;
}

export function createPainter(colour: boolean): Painter {
  let shown: string[] | undefined;
  let cursorShown = "";
  let titleShown = "";
  return {
    next({ title, rows, cursor }) {
      const all = rows.map((row) => painted(row, colour));
      const before = shown;
      const changed = all.flatMap((text, i) => (text === before?.[i] ? [] : [`${ESC}${i + 1};1H${ESC}2K${text}`]));
      const cursorText = cursor ? `${ESC}${cursor.row + 1};${cursor.column + 1}H${ESC}?25h` : `${ESC}?25l`;
      const titleText = title === titleShown ? "" : `\u001b]2;${visible(title)}\u0007`;
      if (changed.length === 0 && cursorText === cursorShown && titleText === "") return "";
      shown = all;
      cursorShown = cursorText;
      titleShown = title;
      return `${BEGIN}${ESC}?25l${before ? "" : `${ESC}2J`}${changed.join("")}${cursorText}${END}${titleText}`;
    },
    forget() {
      shown = undefined;
    },
  };
}
