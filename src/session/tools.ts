/** Calls of the MCP tools: check, run, answer. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkOutgoing } from "../client/secrets.ts";
import type { ToolName } from "../operations/index.ts";
import { toolFields } from "../operations/surface/tool-list.ts";
import { CctError, errorLine } from "../platform/errors.ts";
import { sanitize } from "../rules/framing.ts";
import { oneLine } from "../rules/text.ts";
import { IT_TAKES, understood } from "../rules/toolinput.ts";
import { answerText } from "./answers.ts";
import { type Reply, runTool, type ToolSession } from "./tool-calls.ts";
import { operationOf, toolNames, withTools } from "./tool-names.ts";

export type { ToolSession } from "./tool-calls.ts";

const isTool = (operation: string): operation is ToolName => toolNames.has(operation);

/** The list of tools as JSON without line feeds. Read when the host asks, once, so that no session keeps it in memory. */
export const toolList = (root: string): string =>
  readFileSync(join(root, "dist/tools.json"), "utf8").replaceAll("\n", "");

/** The answer to a call. A host shows its model `structuredContent` alone where it is there, so only who asks for it gets it. */
export interface ToolResult {
  content: { type: "text"; text: string }[];
  structuredContent?: Record<string, unknown>;
  isError?: boolean;
}

export const textResult = (text: string, isError = false): ToolResult => ({
  content: [{ type: "text", text }],
  ...(isError && { isError }),
});

/**
 * Runs a tool. Every failure becomes a tool error that says what to do next, never a protocol error. `waitedMs`: since the
 * call was read. `answered` takes what is to be done once the host has the answer. `isStructured`: the client asked for the
 * structured answer too.
 */
export async function callTool(
  session: Omit<ToolSession, "waitedMs">,
  name: string,
  given: Record<string, unknown>,
  waitedMs: number,
  answered: (done: () => void) => void,
  isStructured: boolean,
): Promise<ToolResult> {
  const { input, ignored } = understood(toolFields[name] ?? {}, given, session.now());
  const about = ignored.length > 0 ? ignoredWords(name, ignored) : "";
  try {
    const operation = operationOf(name);
    if (!isTool(operation) || toolNames.get(operation) !== name) {
      throw new CctError("not_found", `There is no tool '${name}'.`, `Tools: ${[...toolNames.values()].join(", ")}.`);
    }
    session.mail.toolCalled();
    let text: string | undefined;
    const reply: Reply = {
      answered,
      text(words) {
        text = words;
      },
    };
    const output = defused(
      await runTool(afterWaiting(session, waitedMs), operation, await checkOutgoing(input), reply),
    );
    const result = textResult(`${text ?? answerText(operation, output, { now: session.now() })}${about}`);
    return isStructured ? { ...result, structuredContent: output } : result;
  } catch (error) {
    return textResult(sanitize(withTools(errorLine(inFieldsOf(name, error))) + about), true);
  }
}

/** The broker lists all that an operation takes; a model is not to fill in what its definition leaves out. */
function inFieldsOf(tool: string, error: unknown): unknown {
  if (!(error instanceof CctError) || !error.hint.startsWith(IT_TAKES)) return error;
  const listed = Object.entries(toolFields[tool] ?? {}).flatMap(([field, { rare }]) => (rare ? [] : [field]));
  return new CctError(error.code, error.message, `${IT_TAKES}${listed.join(", ") || "no other input"}.`);
}

/** As many as an answer names of the fields that were ignored. */
const MAX_IGNORED = 5;

function ignoredWords(tool: string, ignored: readonly string[]): string {
  const named = ignored.slice(0, MAX_IGNORED).map((field) => oneLine(sanitize(field), 40));
  return `\n(${tool} has no field ${named.join(", ")}${ignored.length > MAX_IGNORED ? " …" : ""}: ignored)`;
}

/** What a call has waited for earlier ones counts: while the broker is away, many calls wait no longer than one. */
function afterWaiting(session: Omit<ToolSession, "waitedMs">, waitedMs: number): ToolSession {
  const { connection } = session;
  const credentials = (ms: number) => connection.credentials(Math.max(0, ms - waitedMs));
  return { ...session, waitedMs, connection: { ...connection, credentials } };
}

/** Names, summaries and texts come from peers: removes invisible characters and whatever begins a tag from every string. */
function defused<T>(value: T): T;
function defused(value: unknown): unknown {
  if (typeof value === "string") return sanitize(value);
  if (Array.isArray(value)) return value.map((one: unknown) => defused(one));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, defused(one)]));
}
