/**
 * CCT's part of Codex's `config.toml`, as text. It stands between two comments, and no other line of the file changes. Codex itself
 * writes into the file, also between the comments: what is not CCT's stays there.
 */
import { createHash } from "node:crypto";
import { CctError } from "../platform/errors.ts";

const BEGIN = "# >>> cct (to remove it: cct uninstall --host codex)";
/** After a file that did not end with a line feed, we write one. */
const JOINED = " after an added line feed";
const CREATED = " in a new file";
const END = "# <<< cct";

/** A hook of ours: a call of the session server's tool. */
export interface CodexHook {
  event: string;
  input: Readonly<Record<string, string>>;
  timeout: number;
}

export interface CodexPart {
  /** The command of the session server. */
  server: readonly [string, ...string[]];
  hooks: readonly CodexHook[];
}

/** Codex runs a hook only when the user trusts it, and knows it by its place in the file and by what it is. */
interface Trust {
  key: string;
  hash: string;
}

const TOOL = "hook";
const SERVER = "cct";

/** A text as TOML. */
const quoted = (text: string): string => JSON.stringify(text);

const snake = (event: string): string => event.replace(/(?<=[a-z])[A-Z]/g, "_$&").toLowerCase();

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  );
}

/** As Codex computes it. Where it does so otherwise, it asks its user once more. */
function hashOf({ event, input, timeout }: CodexHook): string {
  const hooks = [{ type: "mcp_tool", server: SERVER, tool: TOOL, input, timeout }];
  const identity = JSON.stringify(sorted({ event_name: snake(event), hooks }));
  return `sha256:${createHash("sha256").update(identity).digest("hex")}`;
}

/** `before`: what stands before our part, because hooks of an event are counted through the file. */
const trustOf = (path: string, before: string, hooks: readonly CodexHook[]): Trust[] =>
  hooks.map((hook) => {
    const index = before
      .split("\n")
      .filter((line) => line.replace(/[\s#].*$/, "") === `[[hooks.${hook.event}]]`).length;
    return { key: `${path}:${snake(hook.event)}:${index}:0`, hash: hashOf(hook) };
  });

const stateHeader = (key: string): string => `[hooks.state.${quoted(key)}]`;

interface Sections {
  /** Before the first header. */
  head: string;
  all: { header: string; text: string }[];
}

/** Splits a text at its headers. A line of a multi-line text may look like one; it is then kept like any other. */
function sectionsOf(text: string): Sections {
  const lines = text.split(/(?<=\n)/);
  const sections: Sections = { head: "", all: [] };
  for (const line of lines) {
    const header = /^\s*(\[\[?[^\n]*\]\]?)\s*(#.*)?\n?$/.exec(line)?.[1];
    const last = sections.all.at(-1);
    if (header !== undefined) sections.all.push({ header, text: line });
    else if (last) last.text += line;
    else sections.head += line;
  }
  return sections;
}

interface Found {
  before: string;
  /** Ours, with its two comments; `undefined` when there is none. */
  part: string | undefined;
  after: string;
}

function find(text: string): Found {
  const start = text.startsWith(BEGIN) ? 0 : text.indexOf(`\n${BEGIN}`) + 1;
  if (!text.startsWith(BEGIN, start)) return { before: text, part: undefined, after: "" };
  const end = text.indexOf(`\n${END}\n`, start);
  const stop = end < 0 ? text.length : end + END.length + 2;
  return { before: text.slice(0, start), part: text.slice(start, stop), after: text.slice(stop) };
}

/** What the first comment says of the file before. */
const originOf = (part: string): string => [JOINED, CREATED].find((one) => part.startsWith(BEGIN + one)) ?? "";

const isOurs = (header: string): boolean =>
  header === `[mcp_servers.${SERVER}]` || header.startsWith(`[mcp_servers.${SERVER}.`) || header.startsWith("[[hooks.");

/** What others wrote between our comments. `keys`: of our hooks. */
function foreign(part: string, keys: readonly string[]): string {
  const states = keys.map(stateHeader);
  return sectionsOf(part.replace(`\n${END}\n`, "\n"))
    .all.filter(({ header }) => !isOurs(header) && !states.includes(header))
    .map(({ text }) => text)
    .join("");
}

/** Without what Codex wrote of our hooks, when its user trusted them there. */
function withoutStates(text: string, keys: readonly string[]): string {
  const states = keys.map(stateHeader);
  const { head, all } = sectionsOf(text);
  if (!all.some(({ header }) => states.includes(header))) return text;
  return head + all.flatMap((one) => (states.includes(one.header) ? [] : [one.text])).join("");
}

export const isInConfig = (text: string): boolean => find(text).part !== undefined;

/** Which of our hooks the user trusts, as the file says. */
function trustedIn(text: string, trust: readonly Trust[]): Trust[] {
  const { all } = sectionsOf(text);
  return trust.filter(({ key, hash }) =>
    all.some((one) => one.header === stateHeader(key) && one.text.includes(`trusted_hash = ${quoted(hash)}`)),
  );
}

/** Whether the user trusts all our hooks, with the part as it would be written. */
export function isTrusted(path: string, text: string, { hooks }: CodexPart): boolean {
  const trust = trustOf(path, find(text).before, hooks);
  return trustedIn(text, trust).length === trust.length;
}

function refuseConflicts(path: string, text: string): void {
  const conflict = (what: string): never => {
    throw new CctError(
      "conflict",
      `${path} has ${what} that is not CCT's.`,
      "Remove or rename it, then install again.",
    );
  };
  for (const { header, text: section } of sectionsOf(text).all) {
    if (header.replaceAll(/["'\s]/g, "") === `[mcp_servers.${SERVER}]`) conflict(`a server "${SERVER}"`);
    if (header === "[hooks]" && /^\s*[A-Z]\w*\s*=/m.test(section)) conflict("hooks as a list in [hooks]");
  }
  if (/^\s*(hooks|mcp_servers)\s*=/m.test(sectionsOf(text).head)) conflict("hooks or servers in one line");
}

/** The file with our part as it should be. `trust`: the user has just said so; what the user trusted before stays trusted. */
export function withPart(path: string, now: string | undefined, part: CodexPart, trust: boolean): string {
  const text = now ?? "";
  const { before, part: old, after } = find(text);
  const all = trustOf(path, before, part.hooks);
  const keys = all.map(({ key }) => key);
  const [head, tail] = [withoutStates(before, keys), withoutStates(after, keys)];
  refuseConflicts(path, head + tail);
  const isJoined = head !== "" && !head.endsWith("\n");
  const origin = old === undefined ? (now === undefined ? CREATED : isJoined ? JOINED : "") : originOf(old);
  const trusted = trust ? all : trustedIn(text, all);
  const lines = [
    BEGIN + origin,
    `[mcp_servers.${SERVER}]`,
    `command = ${quoted(part.server[0])}`,
    `args = [${part.server.slice(1).map(quoted).join(", ")}]`,
    // Without them it has its own variables only.
    'env_vars = ["CCT_HOME", "CCT_PORT", "CODEX_HOME"]',
    'default_tools_approval_mode = "approve"',
    ...part.hooks.flatMap(({ event, input, timeout }) => [
      `[[hooks.${event}]]`,
      `[[hooks.${event}.hooks]]`,
      'type = "mcp_tool"',
      `server = ${quoted(SERVER)}`,
      `tool = ${quoted(TOOL)}`,
      `input = { ${Object.entries(input)
        .map(([key, value]) => `${key} = ${quoted(value)}`)
        .join(", ")} }`,
      `timeout = ${timeout}`,
    ]),
    ...trusted.flatMap(({ key, hash }) => [stateHeader(key), `trusted_hash = ${quoted(hash)}`]),
    END,
  ];
  return `${head}${isJoined ? "\n" : ""}${lines.join("\n")}\n${old === undefined ? "" : foreign(old, keys)}${tail}`;
}

/** The file without our part: what it was before, if nobody else wrote into it; `undefined`: there was none. */
export function withoutPart(path: string, text: string, { hooks }: CodexPart): string | undefined {
  const { before, part, after } = find(text);
  if (part === undefined) return text;
  const keys = trustOf(path, before, hooks).map(({ key }) => key);
  const rest = foreign(part, keys) + withoutStates(after, keys);
  const head = withoutStates(before, keys);
  if (rest !== "") return head + rest;
  const origin = originOf(part);
  if (origin === CREATED && head === "") return undefined;
  return origin === JOINED ? head.slice(0, -1) : head;
}
