/** Browsers that are logged in at the page: how long a login lasts, what a browser is called, references to one. */
import { CctError } from "../platform/errors.ts";
import { fitting } from "./address.ts";
import { oneLine } from "./text.ts";

/** A code for a login is valid once, for this long: it passes from a command to the browser that the command opens. */
export const CODE_MS = 60_000;
/** A login ends when its browser was not seen for this long. */
export const LOGIN_MS = 30 * 24 * 3_600_000;
/** Minimum time between two writes of a browser's `last_seen`. */
export const BROWSER_SEEN_MS = 3_600_000;
/** Logins of one owner. Beyond this number, a new one ends that of the browser that was not seen for the longest time. */
export const MAX_BROWSERS = 20;
/** Codes of one principal that are open at the same time. */
export const MAX_CODES = 20;

/** Specific before general: Edge also calls itself Chrome, and Chrome also Safari. */
const PROGRAMS: [name: string, pattern: RegExp][] = [
  ["Edge", /\bEdg(?:e|A|iOS)?\//],
  ["Opera", /\bOPR\//],
  ["Firefox", /\b(?:Firefox|FxiOS)\//],
  ["Chrome", /\b(?:Chrome|Chromium|CriOS|HeadlessChrome)\//],
  ["Safari", /\bSafari\//],
];
const SYSTEMS: [name: string, pattern: RegExp][] = [
  ["Android", /\bAndroid\b/],
  ["iPhone", /\biPhone\b/],
  ["iPad", /\biPad\b/],
  ["macOS", /\bMac OS X\b/],
  ["Windows", /\bWindows\b/],
  ["Linux", /\bLinux\b/],
];

const named = (list: readonly [string, RegExp][], userAgent: string): string | undefined =>
  list.find(([, pattern]) => pattern.test(userAgent))?.[0];

/** `Firefox on Linux`, from the browser's own words. */
export function browserName(userAgent: string): string {
  const program = named(PROGRAMS, userAgent);
  const system = named(SYSTEMS, userAgent);
  if (program === undefined) return oneLine(userAgent, 40) || "a browser";
  return system === undefined ? program : `${program} on ${system}`;
}

/** Resolves a reference to a browser: its name, or the first four or more characters of its id. Throws `not_found` or `ambiguous`. */
export function resolveBrowser<B extends { browser_id: string; name: string }>(ref: string, all: readonly B[]): B {
  const wanted = ref.trim().toLowerCase();
  const named = all.filter(({ name }) => name.toLowerCase() === wanted);
  const hits = fitting(wanted, named, all, (one) => one.browser_id);
  const [only] = hits;
  if (only && hits.length === 1) return only;
  const hint = "Use the first 4 or more characters of its id: list_browsers.";
  if (hits.length > 1) throw new CctError("ambiguous", `'${ref.slice(0, 80)}' matches ${hits.length} browsers.`, hint);
  throw new CctError("not_found", `There is no browser '${ref.slice(0, 80)}'.`, hint);
}
