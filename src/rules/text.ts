/** What text may be: bounds on what is taken in, and the cleaning of what is shown to a model or a terminal. */
import { CctError } from "../platform/errors.ts";

export const MAX_TEXT_BYTES = 65_536;

const encoder = new TextEncoder();

/** C0 without tab, newline and carriage return; DEL; C1. */
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

/**
 * Characters that show nothing, or change how their neighbours are shown, and so can hide or fake words: what Unicode
 * calls default ignorable (zero-width, tags, fillers …), bidi controls, interlinear annotation. Emoji and text style
 * (U+FE0E, U+FE0F) may stay.
 */
const INVISIBLE = /(?![\ufe0e\ufe0f])[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\ufff0-\ufffb]/gu;

/** Throws `bad_request` / `too_large` when `text` cannot be a message's text. */
export function checkMessageText(text: string): void {
  if (text.trim() === "") throw new CctError("bad_request", "The text is empty.", "Say something, then send it again.");
  const bytes = encoder.encode(text).length;
  if (bytes > MAX_TEXT_BYTES) {
    throw new CctError(
      "too_large",
      `The text is ${bytes} bytes; ${MAX_TEXT_BYTES} (64 KiB) is the most.`,
      "Put the long part in a file and send its path.",
    );
  }
  checkPlainText("text", text);
}

/** Throws `bad_request` when `text` holds a control character or half a surrogate pair. */
export function checkPlainText(field: string, text: string): void {
  if (!text.isWellFormed()) {
    throw new CctError("bad_request", `The ${field} is not valid Unicode (a lone surrogate).`, "Send it as UTF-8.");
  }
  const at = text.search(CONTROL);
  if (at < 0) return;
  const code = text.charCodeAt(at).toString(16).toUpperCase().padStart(4, "0");
  throw new CctError(
    "bad_request",
    `The ${field} holds the control character U+${code} at position ${at}.`,
    "Remove it (for coloured output: send it without colours).",
  );
}

/** `text` without anything invisible; every kind of line end becomes a newline. For bodies. */
export function stripInvisible(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n?|[\u2028\u2029\u0085]/g, "\n")
    .replace(new RegExp(CONTROL, "g"), "")
    .replace(INVISIBLE, "");
}

/** `text` cleaned and on one line, at most `limit` characters. For names, summaries, table cells. */
export function oneLine(text: string, limit = 200): string {
  const line = stripInvisible(text).replace(/\s+/g, " ").trim();
  return line.length <= limit ? line : `${line.slice(0, limit - 1).toWellFormed()}…`;
}

/** JSON in which everything that `clean` would take out of its strings is escaped: what is parsed is the same. */
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

/** Words of somebody else inside a text of the broker's own: on one line, in quotes that they cannot close. */
export function quoted(text: string, limit = 200): string {
  return `"${oneLine(text, limit).replace(/["\u201c-\u201f\u2033\u2036\uff02]/g, "'")}"`;
}
