/**
 * Installation for versions that cannot load the plugin: hooks in `settings.json`, the MCP server in `.claude.json`.
 * Makes minimal edits, so that the rest of the user's files stays byte for byte as it was.
 */

import { join } from "node:path";
import { applyEdits, type JSONPath, modify } from "jsonc-parser";
import { CctError } from "../platform/errors.ts";
import { readIfThere } from "../platform/files.ts";
import type { World } from "../platform/world.ts";
import type { ClaudePlaces } from "./claude.ts";
import type { FileChange } from "./files.ts";
import { hasRung } from "./ladder.ts";

/** A shell comment at the end of each of our commands, by which we recognise them. */
export const MARK = "# cct";

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
  const server = { type: "stdio", command: world.node, args: [join(world.root, "dist", "bin.js"), "mcp"], env: {} };
  return [
    { path: script, content: readIfThere(join(world.root, "plugin", "hooks", "mail.sh")) },
    { path: places.settings, content: text },
    { path: places.state, content: edit(state.text, ["mcpServers", "cct"], server) },
  ];
}

/** The changes that remove our entries and nothing else. */
export function classicRemoval(places: ClaudePlaces): FileChange[] {
  const changes: FileChange[] = [];
  if (readIfThere(places.settings) !== undefined) {
    changes.push({
      path: places.settings,
      content: withoutOurHooks(places.settings, readObject(places.settings)).text,
    });
  }
  if (readIfThere(places.state) !== undefined) {
    const state = readObject(places.state);
    const servers = Object.keys(state.value.mcpServers ?? {});
    const place = servers.length > 1 ? ["mcpServers", "cct"] : ["mcpServers"];
    if (servers.includes("cct")) changes.push({ path: places.state, content: edit(state.text, place, undefined) });
  }
  return changes;
}

function* ourEntries(
  script: string,
  version: string,
  ask: boolean,
): Generator<[string, HookEntry & Record<string, unknown>]> {
  const file = quoted(script);
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
  const say = `printf %s ${quoted(allow)} ${MARK}`;
  yield ["PreToolUse", { matcher: "mcp__cct__.*", hooks: [{ type: "command", command: say, timeout: 10 }] }];
}

/** Quotes a text as one word for the shell. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

interface JsonFile {
  text: string;
  value: { hooks?: Record<string, HookEntry[]>; mcpServers?: Record<string, unknown>; statusLine?: unknown };
}

function readObject(path: string): JsonFile {
  const text = readIfThere(path) ?? "{}\n";
  return { text, value: parseObject(path, text) };
}

/** Throws `bad_request` unless the text is a JSON object. */
export function parseObject(path: string, text: string): JsonFile["value"] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new CctError(
      "bad_request",
      `${path} is not valid JSON; CCT did not change it.`,
      "Correct it, then try again.",
    );
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new CctError(
    "bad_request",
    `${path} is not a JSON object; CCT did not change it.`,
    "Correct it, then try again.",
  );
}

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
  const tabs = /^\t/m.test(text);
  const tabSize = /^( +)\S/m.exec(text)?.[1]?.length ?? 2;
  return applyEdits(
    text,
    modify(text, path, value, { isArrayInsertion, formattingOptions: { insertSpaces: !tabs, tabSize } }),
  );
}
