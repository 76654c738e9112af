/**
 * The status line entry in the user's `settings.json`, at `statusLine` or where the host has it (`keys`). The host supports a
 * single command, so when the user already has one, ours runs it and shows both. Our command contains the user's, so it can be
 * restored even without our records.
 */
import { findNodeAtLocation, parseTree } from "jsonc-parser";
import { readIfThere } from "../platform/files.ts";
import { edit, MARK, parseObject } from "./classic.ts";
import type { ClaudePlaces } from "./claude.ts";
import { shellWord } from "./shell.ts";

/** Seconds between two refreshes of an idle session. The host ends a command that still runs at the next refresh. */
const REFRESH_S = 5;

interface StatusLine {
  type?: unknown;
  command: string;
  refreshInterval?: unknown;
}

/** `ours`: only CCT's; `both`: CCT's beside the user's; `theirs`: only the user's; `none`. */
export type StatusLineState = "ours" | "both" | "theirs" | "none";

/** Claude Code's. */
const KEYS = ["statusLine"];

/** The settings with our status line added. An entry of an unknown form is left alone. */
export function withStatusLine(path: string, text: string, script: string, keys = KEYS): string {
  const value = statusLineOf(path, text, keys);
  if (value === undefined) {
    return edit(text, keys, { type: "command", command: commandFor(script), refreshInterval: REFRESH_S });
  }
  if (!isCommand(value)) return text;
  const command = commandFor(script, isOurs(value.command) ? theirsIn(value.command) : value.command);
  const composed = value.command === command ? text : edit(text, [...keys, "command"], command);
  return value.refreshInterval === undefined ? edit(composed, [...keys, "refreshInterval"], REFRESH_S) : composed;
}

/** The settings without our status line, the user's own restored. `before`: the settings before the install, if known. */
export function withoutStatusLine(path: string, text: string, before?: string, keys = KEYS): string {
  const value = statusLineOf(path, text, keys);
  if (!isCommand(value) || !isOurs(value.command)) return text;
  const theirs = theirsIn(value.command);
  if (theirs === undefined) return edit(text, keys, undefined);
  const old = before === undefined ? undefined : statusLineOf(path, before, keys);
  const known = isCommand(old) && old.command === theirs ? old : undefined;
  if (before !== undefined && known && isOnlyComposed(known, value)) {
    return textOf(text, keys).replaced(textOf(before, keys).value);
  }
  const restored = edit(text, [...keys, "command"], theirs);
  const isOurInterval = value.refreshInterval === REFRESH_S && known?.refreshInterval !== REFRESH_S;
  return isOurInterval ? edit(restored, [...keys, "refreshInterval"], undefined) : restored;
}

/** The current state of the settings. */
export function statusLineState({ settings }: ClaudePlaces): StatusLineState {
  const value = statusLineOf(settings, readIfThere(settings) ?? "{}");
  if (value === undefined) return "none";
  if (!isCommand(value) || !isOurs(value.command)) return "theirs";
  return theirsIn(value.command) === undefined ? "ours" : "both";
}

/** The shell command. When the script was deleted, it shows nothing, or only the user's own line. */
function commandFor(script: string, theirs?: string): string {
  const file = shellWord(script);
  if (theirs === undefined) return `[ ! -r ${file} ] || exec bash ${file} ${MARK}`;
  return `theirs=${shellWord(theirs)}; [ ! -r ${file} ] || exec bash ${file} "$theirs"; eval "$theirs" ${MARK}`;
}

const isOurs = (command: string): boolean => command.endsWith(MARK);

/** The user's command inside ours. */
function theirsIn(command: string): string | undefined {
  return /^theirs='((?:[^']|'\\'')*)';/.exec(command)?.[1]?.replaceAll("'\\''", "'");
}

function statusLineOf(path: string, text: string, keys: readonly string[] = KEYS): unknown {
  return keys.reduce<unknown>((value, key) => Object(value)[key], parseObject(path, text));
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

/** Whether `now` differs from `old` only by our own change. */
function isOnlyComposed(old: StatusLine, now: StatusLine): boolean {
  const composed = { ...old, command: now.command, refreshInterval: old.refreshInterval ?? REFRESH_S };
  return JSON.stringify(Object.entries(composed).sort()) === JSON.stringify(Object.entries(now).sort());
}

/** The exact source text of the status line entry, and a function that replaces it. */
function textOf(text: string, keys: string[]): { value: string; replaced(value: string): string } {
  const root = parseTree(text);
  const { offset = 0, length = 0 } = (root && findNodeAtLocation(root, keys)) ?? {};
  return {
    value: text.slice(offset, offset + length),
    replaced: (value) => text.slice(0, offset) + value + text.slice(offset + length),
  };
}
