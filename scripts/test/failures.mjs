// What failed in a test run, as the last lines of its output: of a long log, often only its end is looked at.
import { stripVTControlCharacters } from "node:util";

/** Lines that all failures share: with few of them each has more. */
const LINES = 26;
const LINES_EACH = 7;
const MOST = 20;
const LINE_LENGTH = 240;

/**
 * The closing lines for failures in the order in which they happened. A failure says `where` it happened and what the
 * error was, in lines; those that find no place are counted.
 */
export function closingLines(failures) {
  if (failures.length === 0) return [];
  const shown = failures.slice(0, MOST);
  const each = Math.max(1, Math.min(LINES_EACH, Math.floor(LINES / shown.length)));
  const lines = shown.flatMap(({ where, error }) => {
    const texts = error.map(clean).filter(Boolean);
    // One line must do for both.
    if (each === 1) return [shorten(`✗ ${clean(where)}: ${texts[0] ?? ""}`)];
    return [`✗ ${clean(where)}`, ...texts.slice(0, each - 1).map((text) => `    ${text}`)].map(shorten);
  });
  const more = failures.length - shown.length;
  return ["What failed:", ...lines, ...(more > 0 ? [`and ${more} more`] : [])];
}

/** The lines of an error of vitest that help most: where in the tests it was thrown, what it says, and what differs. */
export function errorLines({ name, message = "", diff = "", stack = "" }) {
  const frames = stack.match(/\btest\/[^\s()]+:\d+(?=:\d+)/g) ?? [];
  // A helper throws on behalf of the test that calls it.
  const place = frames.find((frame) => frame.includes(".test.ts")) ?? frames[0];
  const differs = stripVTControlCharacters(diff)
    .split("\n")
    .filter((line) => /^[-+] (?!Expected$|Received$)/.test(line));
  const [first = "", ...others] = message.split("\n");
  const says = `${name && name !== "Error" ? `${name}: ` : ""}${first}`;
  return [place ? `${place}: ${says}` : says, ...differs, ...others].slice(0, LINES_EACH);
}

const clean = (text) =>
  stripVTControlCharacters(text)
    .replace(/\p{Cc}/gu, " ")
    .trimEnd();

const shorten = (line) => (line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line);
