/**
 * Tables and long lines that fit the terminal. Every listing for people is made here: no line is wider than the terminal, and
 * what matters stays. A reader that is no terminal gets everything.
 */
import measure from "fast-string-truncated-width";
import { oneLine } from "../../rules/text.ts";
import { paint, type Screen, type Style } from "./output.ts";

/** A column that has no more than a heading is cut last, because half an id or state says something else. */
export type Column = string | ({ heading: string } & Flexible);

interface Flexible {
  /** It may be cut down to this width. */
  least?: number | undefined;
  /** Of a path the end matters: cut the beginning. */
  keepEnd?: boolean;
  /** Names that are alike often differ at the end: cut the middle. */
  keepBoth?: boolean;
  /** Left out where the table does not fit otherwise; the highest number first. */
  optional?: number | undefined;
}

export type Cell = string | { text: string; style: Style | undefined };

const GAP = 2;
/** Longer cells are cut for every reader. */
const LONGEST_CELL = 1_000;
/** Even where nothing else helps. */
const NARROWEST = 3;

export const widthOf = (text: string): number => measure(text).width;

/** A table. Columns without any content are left out. */
export function table(
  screen: Pick<Screen, "colour" | "columns">,
  columns: readonly Column[],
  rows: readonly Cell[][],
): string {
  const specs = columns.map((column) => (typeof column === "string" ? { heading: column } : column));
  const cells = rows.map((row) =>
    row.map((cell) => {
      const { text, style } = typeof cell === "string" ? { text: cell, style: undefined } : cell;
      return { text: oneLine(text, LONGEST_CELL), style };
    }),
  );
  const natural = specs.map(({ heading }, i) => {
    const widest = Math.max(0, ...cells.map((row) => widthOf(row[i]?.text ?? "")));
    return widest === 0 ? 0 : Math.max(widest, widthOf(heading));
  });
  const widths = widthsIn(natural, specs, screen.columns);
  const last = widths.findLastIndex((width) => width > 0);
  const line = (row: readonly { text: string; style: Style | undefined }[]): string =>
    row
      .flatMap(({ text, style }, i) => {
        const width = widths[i] ?? 0;
        if (width === 0) return [];
        const { keepEnd, keepBoth } = specs[i] ?? {};
        const shown = (keepEnd ? shortenStart : keepBoth ? shortenMiddle : shorten)(text, width);
        const padding = i === last ? "" : " ".repeat(Math.max(0, width - widthOf(shown)));
        return [(style && shown ? paint(screen, style, shown) : shown) + padding];
      })
      .join(" ".repeat(GAP))
      .trimEnd();
  const head = line(specs.map(({ heading }) => ({ text: heading, style: "dim" })));
  return `${[head, ...cells.map(line)].join("\n")}\n`;
}

/** The width of each column, 0 for one that is left out. Together with the gaps they are at most `room`. */
function widthsIn(natural: readonly number[], specs: readonly Flexible[], room: number): number[] {
  const left = new Set(natural.keys());
  for (;;) {
    const widths = natural.map((width, i) => (left.has(i) ? width : 0));
    const shown = widths.filter((width) => width > 0).length;
    const excess = widths.reduce((sum, width) => sum + width, 0) + GAP * Math.max(0, shown - 1) - room;
    const rest = narrow(widths, excess, (i) => specs[i]?.least ?? Number.POSITIVE_INFINITY);
    if (rest <= 0) return widths;
    const [first] = [...left]
      .filter((i) => (widths[i] ?? 0) > 0 && specs[i]?.optional !== undefined)
      .sort((a, b) => (specs[b]?.optional ?? 0) - (specs[a]?.optional ?? 0));
    if (first !== undefined) left.delete(first);
    else {
      // Half a name says more than half an id, with which nobody can go on.
      const tight = narrow(widths, rest, (i) => (specs[i]?.least === undefined ? Number.POSITIVE_INFINITY : NARROWEST));
      narrow(widths, tight, () => NARROWEST);
      return widths;
    }
  }
}

/** Takes `excess` from the widest columns that are wider than their least width; returns what is left of it. */
function narrow(widths: number[], excess: number, least: (column: number) => number): number {
  let rest = excess;
  while (rest > 0) {
    const spare = widths.map((width, i) => (width > least(i) ? width : 0));
    const widest = Math.max(...spare);
    if (widest === 0) return rest;
    const at = spare.indexOf(widest);
    widths[at] = widest - 1;
    rest--;
  }
  return rest;
}

/** Cuts a text to `columns` of a terminal, with an ellipsis. */
export function shorten(text: string, columns: number): string {
  const { truncated, index } = measure(text, { limit: columns, ellipsis: "…" });
  if (!truncated) return text;
  // With wide characters the index may be one too high.
  const units = [...text.slice(0, index)];
  while (units.length > 0 && widthOf(`${units.join("")}…`) > columns) units.pop();
  return `${units.join("")}…`;
}

/** Cuts the beginning. */
function shortenStart(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  const units = [...text];
  while (units.length > 0 && widthOf(`…${units.join("")}`) > columns) units.shift();
  return `…${units.join("")}`;
}

/** Cuts the middle; a little more of the beginning stays. */
export function shortenMiddle(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  const units = [...text];
  const fitting = (from: readonly string[], room: number): string[] => {
    const taken: string[] = [];
    let left = room;
    for (const unit of from) {
      left -= widthOf(unit);
      if (left < 0) break;
      taken.push(unit);
    }
    return taken;
  };
  const end = fitting(units.toReversed(), Math.floor((columns - 1) / 2)).toReversed();
  const start = fitting(units, columns - 1 - widthOf(end.join("")));
  return `${start.join("")}…${end.join("")}`;
}

/**
 * Breaks a line at its spaces so that it fits the terminal; what follows is indented. A word that is longer than the terminal stays
 * whole, so that it can be copied. A reader that is no terminal gets one line.
 */
export function wrap(screen: Pick<Screen, "columns" | "isTerminal">, line: string, indent = 2): string {
  if (!screen.isTerminal || widthOf(line) <= screen.columns) return line;
  const lead = /^ */.exec(line)?.[0] ?? "";
  const [first = "", ...words] = line.slice(lead.length).split(" ");
  const lines: string[] = [];
  let current = lead + first;
  for (const word of words) {
    if (widthOf(`${current} ${word}`) > screen.columns) {
      lines.push(current);
      current = lead + " ".repeat(indent) + word;
    } else current = `${current} ${word}`;
  }
  return [...lines, current].join("\n");
}
