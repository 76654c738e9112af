/** Validates text input, and sanitizes text for output to a model or a terminal. */
import { CctError } from "../platform/errors.ts";

export const MAX_TEXT_BYTES = 65_536;

const encoder = new TextEncoder();

/** C0 without tab, newline and carriage return; DEL; C1. */
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

/**
 * Characters that are invisible or change how their neighbours are shown, and so can hide or fake words: Unicode's default
 * ignorable (zero-width, tags, fillers …), bidi controls, interlinear annotation. Variation selectors for emoji and text
 * style (U+FE0E, U+FE0F) are allowed.
 */
const INVISIBLE = /(?![\ufe0e\ufe0f])[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\ufff0-\ufffb]/gu;

/** What a reader cannot see in a text: an ANSI sequence, or a control or invisible character. */
export const HIDDEN = new RegExp(`\\u001b\\[[0-9;?]*[A-Za-z]|${CONTROL.source}|${INVISIBLE.source}`, "gu");

/** Validates the text of a message. Throws `bad_request`, or `too_large` above 64 KiB of UTF-8. */
export function checkMessageText(text: string): void {
  if (text.trim() === "")
    throw new CctError("bad_request", "The text is empty.", "Send a text with at least one visible character.");
  // A character of a string takes three bytes at most.
  const bytes = text.length * 3 <= MAX_TEXT_BYTES ? 0 : encoder.encode(text).length;
  if (bytes > MAX_TEXT_BYTES) {
    throw new CctError(
      "too_large",
      `The text has ${bytes} bytes; the limit is ${MAX_TEXT_BYTES} (64 KiB).`,
      "Write the long part to a file and send its path.",
    );
  }
  checkPlainText("text", text);
}

/** Throws `bad_request` if `text` contains a control character or a lone surrogate. */
export function checkPlainText(field: string, text: string): void {
  if (!text.isWellFormed()) {
    throw new CctError("bad_request", `The ${field} is not valid Unicode (a lone surrogate).`, "Send it as UTF-8.");
  }
  const at = text.search(CONTROL);
  if (at < 0) return;
  const code = text.charCodeAt(at).toString(16).toUpperCase().padStart(4, "0");
  throw new CctError(
    "bad_request",
    `The ${field} contains the control character U+${code} at position ${at}.`,
    "Remove it. For coloured output, turn the colours off.",
  );
}

/** Removes control and invisible characters and normalizes line ends to newlines. For message bodies. */
export function stripInvisible(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n?|[\u2028\u2029\u0085]/g, "\n")
    .replace(new RegExp(CONTROL, "g"), "")
    .replace(INVISIBLE, "");
}

/** Strips invisible characters, joins lines, truncates to `limit` characters. For names, summaries and table cells. */
export function oneLine(text: string, limit = 200): string {
  const line = stripInvisible(text).replace(/\s+/g, " ").trim();
  return line.length <= limit ? line : `${line.slice(0, limit - 1).toWellFormed()}…`;
}

/** Escapes in JSON what `stripInvisible` would remove. The parsed value stays the same. */
export function escapeInvisible(json: string): string {
  const asEscapes = (found: string): string =>
    found
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join("");
  return json
    .replace(new RegExp(CONTROL, "g"), asEscapes)
    .replace(/[\u2028\u2029]/g, asEscapes)
    .replace(INVISIBLE, asEscapes);
}

/** Quotes foreign text inside the broker's own: one line, with inner quotation marks replaced so they cannot end it. */
export function quoted(text: string, limit = 200): string {
  return `"${oneLine(text, limit).replace(/["\u201c-\u201f\u2033\u2036\uff02]/g, "'")}"`;
}

/** `3 s`, `12 min`, `5 h`, `2 d`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
