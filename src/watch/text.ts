/** Texts for the screen. What a session wrote never reaches the terminal as it is: what is hidden in it has a name here. */
import { shorten, widthOf } from "../cli/parts/table.ts";
import { pieces } from "../rules/hidden.ts";

/** Style of characters. Terminals do not agree about the width of what has it. */
const VARIATION = /[\ufe0e\ufe0f]/g;
const LINE_END = /\r\n?|[\n\u2028\u2029]/;
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Hidden characters by their names, as `‹RLO›`; all of it in one line. */
export function visible(text: string): string {
  return pieces(text.toWellFormed().replace(VARIATION, ""))
    .map((piece) => ("text" in piece ? piece.text : `‹${piece.hidden}›`))
    .join("")
    .replace(/\s/g, " ");
}

/** The beginning of a text of several lines, for one line. */
export const flat = (text: string): string => text.slice(0, 400).replace(/\s+/g, " ").trim();

/** The units in which a cursor moves. */
export const charactersOf = (text: string): string[] => [...graphemes.segment(text)].map(({ segment }) => segment);

/** Cut to so many columns, with an ellipsis. */
export const cut = (text: string, columns: number): string => (columns <= 0 ? "" : shorten(text, columns));

/**
 * The lines of a text, none of them wider than `columns`: broken at spaces where there are some. `most`: how many are needed;
 * the rest of a long text costs nothing.
 */
export function wrapped(text: string, columns: number, most = Number.POSITIVE_INFINITY): string[] {
  const lines: string[] = [];
  for (const line of text.split(LINE_END)) {
    const left = most - lines.length;
    if (left <= 0) break;
    // No character is wider than two columns, so this much fills the lines that are needed, and more.
    const part = Number.isFinite(left) ? line.slice(0, Math.max(200, left * columns * 4)) : line;
    lines.push(...wrapLine(shown(part), columns));
  }
  return lines.slice(0, most);
}

/** As `visible`, but indentation stays. */
function shown(line: string): string {
  const lead = /^[ \t]*/.exec(line)?.[0] ?? "";
  return lead.replaceAll("\t", "  ").slice(0, 16) + visible(line.slice(lead.length)).trimEnd();
}

function wrapLine(line: string, columns: number): string[] {
  if (widthOf(line) <= columns) return [line];
  const lines: string[] = [];
  let current = "";
  let width = 0;
  for (const word of line.split(/(?<= )/)) {
    const bare = widthOf(word.trimEnd());
    if (width + bare > columns && current !== "") {
      lines.push(current.trimEnd());
      [current, width] = ["", 0];
    }
    if (bare <= columns) {
      current += word;
      width += widthOf(word);
      continue;
    }
    // A word of 64 KiB is one too.
    for (const character of charactersOf(word)) {
      const more = widthOf(character);
      if (width + more > columns && current !== "") {
        lines.push(current);
        [current, width] = ["", 0];
      }
      current += character;
      width += more;
    }
  }
  return current.trimEnd() === "" && lines.length > 0 ? lines : [...lines, current.trimEnd()];
}
