/**
 * What a session waits for at a permission dialog: the tool, and what it would do with it. The hook keeps the beginning of the
 * host's JSON, so a text may end anywhere.
 */
import { oneLine } from "./text.ts";

export interface BlockedOn {
  tool: string;
  /** Its command, file, address or question. */
  what?: string;
}

/** `null`: not blocked, or not known. */
export interface Blocked {
  blocked_tool: string | null;
  blocked_what: string | null;
}

export const NOT_BLOCKED: Blocked = { blocked_tool: null, blocked_what: null };

export const MAX_WHAT = 200;
export const HIDDEN_WHAT = "hidden: may contain a secret";

/** Names of tools, also of MCP servers' tools. */
export const TOOL_NAME = /^[\w.-]{1,128}$/;

/** The fields of a tool's input that say what it does, the most telling one first. */
const TELLING = ["command", "file_path", "notebook_path", "path", "url", "query", "pattern", "question", "description"];

/** `"key": value`, where a text may be cut off, and a list or an object only begins: its fields follow. */
const FIELD =
  /[\s,[\]{}]*"((?:[^"\\]|\\.)*)"\s*:\s*(?:"((?:[^"\\]|\\.)*)(?:"|\\?$)|-?[\d.eE+-]+|true|false|null|(?=[[{]))/y;

/** The tool and the whole text of what it would do, from the JSON that a host gives its hook, which may be cut off. */
export function askedIn(json: string): { tool: string; text: string | undefined } | undefined {
  let tool: string | undefined;
  let isInput = false;
  const texts = new Map<string, string>();
  FIELD.lastIndex = 0;
  for (let found = FIELD.exec(json); found; found = FIELD.exec(json)) {
    const [, key = "", value] = found;
    if (!isInput && key === "tool_name") tool = parsed(value);
    else if (isInput && value !== undefined && !texts.has(key)) texts.set(key, parsed(value));
    isInput ||= key === "tool_input";
  }
  if (tool === undefined || !TOOL_NAME.test(tool)) return undefined;
  const telling = TELLING.find((key) => texts.has(key));
  return { tool, text: telling === undefined ? undefined : texts.get(telling) };
}

/** What a JSON string means; the end of one that was cut off may be half an escape. */
function parsed(value = ""): string {
  try {
    return JSON.parse(`"${value.replace(/\\(?:u[0-9a-fA-F]{0,3})?$/, "").replace(/[\u0000-\u001f]/g, " ")}"`);
  } catch {
    return "";
  }
}

const WORD = "(?:pass(?:word|wd|phrase)?|secret|token|credentials?|(?:api|access|private)[_-]?key)";
/** Secrets as commands contain them. A variable's name, `$TOKEN`, is none. */
const SECRETS = [
  /-----BEGIN [A-Z ]*PRIVATE KEY/,
  new RegExp(`(?:${WORD}["']?\\s*[=:]\\s*|--?[\\w-]*${WORD}\\s+)["']?[^\\s"'$<>|&;-]`, "i"),
  /\bbearer\s+["']?[^\s"'$]/i,
  /\b(?:authorization|cookie)\s*:\s*(?!bearer\b)[^\s"'$]/i,
  // As in `curl -su ann:pw`; two numbers are a user and a group, and `https:` begins an address.
  /(?:^|\s)(?:-[a-z]{0,3}u|--user)[\s=]*["']?(?!\d+:\d+(?!\S))[^\s"':]+:(?!\/\/)[^\s"'$]/i,
  /:\/\/[^/\s:@]*:[^/\s@$][^/\s@]*@/,
];

/** Whether a command may contain a secret, besides keys of a known form. */
export const mayHoldSecret = (text: string): boolean => SECRETS.some((pattern) => pattern.test(text));

/** As others are shown it. */
export const shownWhat = (text: string): string => oneLine(text, MAX_WHAT);
