/** Terminal output: tables, times, sizes, colour. Control characters in peers' texts are removed before they reach a terminal. */
import { styleText } from "node:util";
import measure from "fast-string-truncated-width";
import { escapeInvisible, oneLine } from "../../rules/text.ts";

/** Where a command writes. `colour` is on for a terminal unless NO_COLOR is set. */
export interface Screen {
  write(text: string): void;
  /** Standard error. */
  stderr: { write(text: string): void; writeNow(text: string): void; isTerminal: boolean };
  colour: boolean;
  columns: number;
}

export function paint(screen: Screen, style: "green" | "yellow" | "red" | "dim" | "bold", text: string): string {
  return screen.colour ? styleText(style, text) : text;
}

/** A table. Columns are as wide as their content; the last one is cut at the edge of the terminal. */
export function table(screen: Screen, headings: string[], rows: string[][]): string {
  const cells = [headings, ...rows.map((row) => row.map((cell) => oneLine(cell, 1000)))];
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => measure(row[column] ?? "").width)));
  const lines = cells.map((row) => {
    const start = row
      .slice(0, -1)
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - measure(cell).width));
    const used = start.reduce((sum, cell) => sum + measure(cell).width + 2, 0);
    return [...start, shorten(row.at(-1) ?? "", Math.max(20, screen.columns - used))].join("  ").trimEnd();
  });
  const [first = "", ...rest] = lines;
  return `${[paint(screen, "dim", first), ...rest].join("\n")}\n`;
}

/** Cuts a text to `columns` of a terminal, with an ellipsis. */
function shorten(text: string, columns: number): string {
  const { truncated, index } = measure(text, { limit: columns, ellipsis: "…" });
  return truncated ? `${text.slice(0, index)}…` : text;
}

/** `812 B`, `4.1 MB`, `23 GB`. */
export function size(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const amount = bytes / 1024 ** power;
  return `${power === 0 || amount >= 10 ? Math.round(amount) : amount.toFixed(1)} ${units[power]}`;
}

/** `1 file`, `3 files`. */
export const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;

export function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

/** JSON with control characters escaped, so that it is safe on a terminal and parses to the same value. */
export function toJson(value: unknown): string {
  return `${escapeInvisible(JSON.stringify(value, null, 2))}\n`;
}

/** An example for the help of a command. `words`: what follows `cct`. */
export const example = (words: string): string => `\nExample:\n  cct ${words}`;
