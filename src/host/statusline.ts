/**
 * CCT's part of the status line, in the user's `settings.json`. The host knows one command only: where the user has one
 * already, ours runs it and shows both, and carries its text, so that it can be put back whatever becomes of our records.
 */
import { findNodeAtLocation, parseTree } from "jsonc-parser";
import { readIfThere } from "../platform/home.ts";
import { edit, MARK, parseObject, quoted } from "./classic.ts";
import type { ClaudePlaces } from "./claude.ts";

/** Seconds between two looks while nothing happens. The host stops a command that is not done by the next one. */
const REFRESH_S = 5;

interface StatusLine {
  type?: unknown;
  command: string;
  refreshInterval?: unknown;
}

/** `ours`: alone; `both`: beside the user's; `theirs`: the user's without ours; `none`. */
export type StatusLineState = "ours" | "both" | "theirs" | "none";

/** Settings with our part in them. What is no command of a form that we know is left alone. */
export function withStatusLine(path: string, text: string, script: string): string {
  const value = statusLineOf(path, text);
  if (value === undefined) {
    return edit(text, ["statusLine"], { type: "command", command: commandFor(script), refreshInterval: REFRESH_S });
  }
  if (!isCommand(value)) return text;
  const command = commandFor(script, isOurs(value.command) ? theirsIn(value.command) : value.command);
  const composed = value.command === command ? text : edit(text, ["statusLine", "command"], command);
  return value.refreshInterval === undefined ? edit(composed, ["statusLine", "refreshInterval"], REFRESH_S) : composed;
}

/** Settings without our part, the user's own as it was. `before`: the settings before we came, if they are known. */
export function withoutStatusLine(path: string, text: string, before?: string): string {
  const value = statusLineOf(path, text);
  if (!isCommand(value) || !isOurs(value.command)) return text;
  const theirs = theirsIn(value.command);
  if (theirs === undefined) return edit(text, ["statusLine"], undefined);
  const old = before === undefined ? undefined : statusLineOf(path, before);
  const known = isCommand(old) && old.command === theirs ? old : undefined;
  if (before !== undefined && known && isOnlyComposed(known, value)) {
    return textOf(text).replaced(textOf(before).value);
  }
  const restored = edit(text, ["statusLine", "command"], theirs);
  const isOurInterval = value.refreshInterval === REFRESH_S && known?.refreshInterval !== REFRESH_S;
  return isOurInterval ? edit(restored, ["statusLine", "refreshInterval"], undefined) : restored;
}

/** What stands in the settings now. */
export function statusLineState({ settings }: ClaudePlaces): StatusLineState {
  const value = statusLineOf(settings, readIfThere(settings) ?? "{}");
  if (value === undefined) return "none";
  if (!isCommand(value) || !isOurs(value.command)) return "theirs";
  return theirsIn(value.command) === undefined ? "ours" : "both";
}

/** A script that has gone shows nothing, or the user's own alone. */
function commandFor(script: string, theirs?: string): string {
  const file = quoted(script);
  if (theirs === undefined) return `[ ! -r ${file} ] || exec bash ${file} ${MARK}`;
  return `theirs=${quoted(theirs)}; [ ! -r ${file} ] || exec bash ${file} "$theirs"; eval "$theirs" ${MARK}`;
}

const isOurs = (command: string): boolean => command.endsWith(MARK);

/** The user's command inside of ours. */
function theirsIn(command: string): string | undefined {
  return /^theirs='((?:[^']|'\\'')*)';/.exec(command)?.[1]?.replaceAll("'\\''", "'");
}

function statusLineOf(path: string, text: string): unknown {
  return parseObject(path, text).statusLine;
}

function isCommand(value: unknown): value is StatusLine {
  return (
    typeof value === "object" &&
    value !== null &&
    "command" in value &&
    typeof value.command === "string" &&
    (!("type" in value) || value.type === "command")
  );
}

/** Whether nothing but what we do was done to it. */
function isOnlyComposed(old: StatusLine, now: StatusLine): boolean {
  const composed = { ...old, command: now.command, refreshInterval: old.refreshInterval ?? REFRESH_S };
  return JSON.stringify(Object.entries(composed).sort()) === JSON.stringify(Object.entries(now).sort());
}

/** The status line's own text, to the letter, and the settings with another one in its place. */
function textOf(text: string): { value: string; replaced(value: string): string } {
  const root = parseTree(text);
  const { offset = 0, length = 0 } = (root && findNodeAtLocation(root, ["statusLine"])) ?? {};
  return {
    value: text.slice(offset, offset + length),
    replaced: (value) => text.slice(0, offset) + value + text.slice(offset + length),
  };
}
