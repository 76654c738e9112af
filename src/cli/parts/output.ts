/** What people see: tables, times, a word of colour on a terminal. Peers' words are cleaned before they reach it. */
import { styleText } from "node:util";
import { escapeInvisible, oneLine } from "../../rules/text.ts";

/** Whether to colour: only on a terminal, and not when asked not to. */
export interface Screen {
  write(text: string): void;
  colour: boolean;
  columns: number;
}

export function paint(screen: Screen, style: "green" | "yellow" | "red" | "dim" | "bold", text: string): string {
  return screen.colour ? styleText(style, text) : text;
}

/** Rows under headings, in columns as wide as they need; the last column takes what the terminal leaves. */
export function table(screen: Screen, headings: string[], rows: string[][]): string {
  const cells = [headings, ...rows.map((row) => row.map((cell) => oneLine(cell, 1000)))];
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => width(row[column] ?? ""))));
  const lines = cells.map((row) => {
    const start = row.slice(0, -1).map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - width(cell)));
    const used = start.reduce((sum, cell) => sum + width(cell) + 2, 0);
    return [...start, shorten(row.at(-1) ?? "", Math.max(20, screen.columns - used))].join("  ").trimEnd();
  });
  const [first = "", ...rest] = lines;
  return `${[paint(screen, "dim", first), ...rest].join("\n")}\n`;
}

/** Columns that a text takes: East Asian wide characters and emoji take two. */
function width(text: string): number {
  let columns = 0;
  for (const character of text) columns += /\p{Mn}|\p{Me}/u.test(character) ? 0 : isWide(character) ? 2 : 1;
  return columns;
}

const isWide = (character: string): boolean =>
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u.test(
    character,
  );

function shorten(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let cut = "";
  for (const character of text) {
    if (width(cut + character) > columns - 1) break;
    cut += character;
  }
  return `${cut}…`;
}

/** `3 s`, `12 min`, `5 h`, `2 d`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `812 B`, `4.1 MB`, `23 GB`. */
export function size(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const amount = bytes / 1024 ** power;
  return `${power === 0 || amount >= 10 ? Math.round(amount) : amount.toFixed(1)} ${units[power]}`;
}

export function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

/** JSON for programs, harmless on a terminal: characters that steer one are escaped; what is parsed is the same. */
export function toJson(value: unknown): string {
  return `${escapeInvisible(JSON.stringify(value, null, 2))}\n`;
}
