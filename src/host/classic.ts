/**
 * Installation for versions that cannot load the plugin: hooks in `settings.json`, the MCP server in `.claude.json`.
 * Makes minimal edits, so that the rest of the user's files stays byte for byte as it was.
 */

import { join } from "node:path";
import { applyEdits, type JSONPath, modify, type ParseError, parse } from "jsonc-parser";
import { claude } from "../hosts/claude.ts";
import { CctError } from "../platform/errors.ts";
import { readIfThere } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import type { ClaudePlaces } from "./claude.ts";
import type { FileChange } from "./files.ts";
import { hasRung } from "./ladder.ts";
import { shellWord } from "./shell.ts";

/** A shell comment at the end of each of our commands, by which we recognise them. */
export const MARK = "# cct";

/** In the environment of the session server: hooks come with it, which give the instructions. */
const HOOKS_TELL = { CCT_HOOKS: "settings" };

/** Timeout of a waiter: a day. Each end of a turn starts a new one. */
const WAITER_SECONDS = 86_400;

interface Hook {
  type?: string;
  command?: string;
  timeout?: number;
  asyncRewake?: boolean;
}

interface HookEntry {
  matcher?: string;
  hooks?: Hook[];
}

/** The changes that add our entries for a host of that version. `hooks`: the folder for a copy of our scripts. */
export function classicChanges(
  world: World,
  places: ClaudePlaces,
  hooks: string,
  version: string,
  ask: boolean,
): FileChange[] {
  const script = join(hooks, "mail.sh");
  const settings = withoutOurHooks(places.settings, readObject(places.settings));
  let text = settings.text;
  for (const [event, entry] of ourEntries(script, version, ask)) {
    const there = Array.isArray(settings.value.hooks?.[event]);
    text = there ? edit(text, ["hooks", event, -1], entry, true) : edit(text, ["hooks", event], [entry]);
    settings.value = parseObject(places.settings, text);
  }
  const state = readObject(places.state);
  const server = {
    type: "stdio",
    command: world.node,
    args: [join(world.root, "dist", "bin.js"), "mcp", "--host", claude.name],
    env: HOOKS_TELL,
  };
  return [
    { path: script, content: readIfThere(join(world.root, "plugin", "hooks", "mail.sh")) },
    { path: places.settings, content: text },
    { path: places.state, content: edit(state.text, ["mcpServers", "cct"], server) },
  ];
}

/** The changes that remove our entries and nothing else. */
export const classicRemoval = (places: ClaudePlaces): FileChange[] => [
  ...hooksRemoval(places),
  ...serverRemoval(places),
];

export function hooksRemoval({ settings }: ClaudePlaces): FileChange[] {
  if (readIfThere(settings) === undefined) return [];
  return [{ path: settings, content: withoutOurHooks(settings, readObject(settings)).text }];
}

export function serverRemoval({ state: path }: ClaudePlaces): FileChange[] {
  if (readIfThere(path) === undefined) return [];
  const { text, value } = readObject(path);
  const servers = Object.keys(value.mcpServers ?? {});
  const place = servers.length > 1 ? ["mcpServers", "cct"] : ["mcpServers"];
  return servers.includes("cct") ? [{ path, content: edit(text, place, undefined) }] : [];
}

/** Whether our hooks stand in the settings, which may be no JSON. */
export const hasOurHooks = ({ settings }: ClaudePlaces): boolean => (readIfThere(settings) ?? "").includes(`${MARK}"`);

function* ourEntries(
  script: string,
  version: string,
  ask: boolean,
): Generator<[string, HookEntry & Record<string, unknown>]> {
  const file = shellWord(script);
  // A deleted script must not deny tools: without it the command succeeds silently.
  const command = (event: string, option = "") => `[ ! -r ${file} ] || exec bash ${file} ${event}${option} ${MARK}`;
  const run = (event: string, option = "", more = {}) => ({
    hooks: [{ type: "command", command: command(event, option), timeout: 10, ...more }],
  });
  const block = " block";
  yield ["SessionStart", run("SessionStart")];
  yield ["UserPromptSubmit", run("UserPromptSubmit")];
  yield ["PreToolUse", run("PreToolUse", hasRung(version, "PreToolUse inject") ? "" : block)];
  yield ["Stop", run("Stop", block)];
  yield ["SessionEnd", run("SessionEnd")];
  // A version rejects all hooks when it does not know one of the events.
  if (hasRung(version, "FileChanged wake")) yield ["FileChanged", run("FileChanged", "", { asyncRewake: true })];
  if (hasRung(version, "waiter")) {
    for (const event of ["SessionStart", "Stop"])
      yield [event, run("Waiter", "", { timeout: WAITER_SECONDS, asyncRewake: true })];
  }
  if (ask) return;
  const allow = JSON.stringify({
    hookSpecificOutput: {
      hookEventName: "PreToolUse",
      permissionDecision: "allow",
      permissionDecisionReason: "CCT's own tools",
    },
  });
  const say = `printf %s ${shellWord(allow)} ${MARK}`;
  yield ["PreToolUse", { matcher: "mcp__cct__.*", hooks: [{ type: "command", command: say, timeout: 10 }] }];
}

interface JsonFile {
  text: string;
  value: { hooks?: Record<string, HookEntry[]>; mcpServers?: Record<string, unknown>; statusLine?: unknown };
}

function readObject(path: string): JsonFile {
  const text = readIfThere(path) ?? "{}\n";
  return { text, value: parseObject(path, text) };
}

/** Throws `bad_request` unless the text is a JSON object, or empty, which the host takes for an object without members. */
export function parseObject(path: string, text: string): JsonFile["value"] {
  const [, json] = splitMark(text);
  if (json.trim() === "") return {};
  const errors: ParseError[] = [];
  const value: unknown = parse(json, errors, { disallowComments: true, allowTrailingComma: false });
  const [error] = errors;
  if (error) {
    const before = json.slice(0, error.offset).split("\n");
    throw new CctError(
      "bad_request",
      `${path} is not valid JSON (line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}); CCT did not change it.`,
      "Correct it: Claude Code does not read it either, and takes no comments and no comma after the last member.",
    );
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new CctError(
    "bad_request",
    `${path} is not a JSON object; CCT did not change it.`,
    "Correct it, then try again.",
  );
}

/** A byte order mark, if the text begins with one, and the rest. */
const splitMark = (text: string): [string, string] =>
  text.startsWith("\ufeff") ? ["\ufeff", text.slice(1)] : ["", text];

function withoutOurHooks(path: string, file: JsonFile): JsonFile {
  let { text } = file;
  for (const [event, entries] of Object.entries(file.value.hooks ?? {})) {
    if (!Array.isArray(entries)) continue;
    // Backwards, so that the indexes of the remaining entries stay valid.
    for (let i = entries.length - 1; i >= 0; i--) {
      const hooks = entries[i]?.hooks ?? [];
      const place = ["hooks", event, i];
      if (hooks.length > 0 && hooks.every(isOurs)) text = edit(text, place, undefined);
      else
        for (let n = hooks.length - 1; n >= 0; n--)
          if (isOurs(hooks[n])) text = edit(text, [...place, "hooks", n], undefined);
    }
    const left = parseObject(path, text).hooks?.[event];
    if (entries.length > 0 && left?.length === 0) text = edit(text, ["hooks", event], undefined);
  }
  const value = parseObject(path, text);
  const emptied =
    value.hooks && Object.keys(value.hooks).length === 0 && Object.keys(file.value.hooks ?? {}).length > 0;
  if (emptied) text = edit(text, ["hooks"], undefined);
  return { text, value: parseObject(path, text) };
}

function isOurs(hook: Hook | undefined): boolean {
  return typeof hook?.command === "string" && hook.command.endsWith(MARK);
}

/** Sets one value in a JSON text, or removes it (`undefined`), and keeps the formatting of everything else. */
export function edit(text: string, path: JSONPath, value: unknown, isArrayInsertion = false): string {
  const [mark, given] = splitMark(text);
  const json = given.trim() === "" ? "{}\n" : given;
  const tabs = /^\t/m.test(json);
  const tabSize = /^( +)\S/m.exec(json)?.[1]?.length ?? 2;
  const formattingOptions = { insertSpaces: !tabs, tabSize };
  return mark + applyEdits(json, modify(json, path, value, { isArrayInsertion, formattingOptions }));
}
