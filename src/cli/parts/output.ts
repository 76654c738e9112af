/** Terminal output: times, sizes, colour. Control characters in peers' texts are removed before they reach a terminal. */
import { styleText } from "node:util";
import { escapeInvisible, span } from "../../rules/text.ts";

/** Where a command writes. `colour` is on for a terminal unless NO_COLOR is set. */
export interface Screen {
  write(text: string): void;
  /** Resolves to whether what was written so far could be: false once the reader has closed the pipe. */
  isOpen(): Promise<boolean>;
  isTerminal: boolean;
  /** Standard error. */
  stderr: { write(text: string): void; writeNow(text: string): void; isTerminal: boolean };
  colour: boolean;
  columns: number;
}

export type Style = "green" | "yellow" | "red" | "dim" | "bold";

export function paint(screen: Pick<Screen, "colour">, style: Style, text: string): string {
  // The screen has decided.
  return screen.colour ? styleText(style, text, { validateStream: false }) : text;
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

/** `3 min ago`. The exact time is in the JSON. */
export const ago = (ms: number, now: number): string => (now - ms < 1_000 ? "just now" : `${span(now - ms)} ago`);

export function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

/** JSON with control characters escaped, so that it is safe on a terminal and parses to the same value. */
export function toJson(value: unknown): string {
  return `${escapeInvisible(JSON.stringify(value, null, 2))}\n`;
}

/** An example for the help of a command. `words`: what follows `cct`. */
export const example = (words: string): string => `\nExample:\n  cct ${words}`;
