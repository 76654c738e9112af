/** Calls of the MCP tools: check, run, answer. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkOutgoing } from "../client/secrets.ts";
import type { ToolName } from "../operations/index.ts";
import { toolNames as names } from "../operations/surface/tool-list.ts";
import { TOOL_PREFIX } from "../operations/surface/tools.ts";
import { CctError, errorLine } from "../platform/errors.ts";
import { sanitize } from "../rules/framing.ts";
import { nameOperations } from "../rules/vocabulary.ts";
import { type Reply, runTool, type ToolSession } from "./tool-calls.ts";

export type { ToolSession } from "./tool-calls.ts";

const operationOf = (tool: string): string => tool.slice(TOOL_PREFIX.length);
/** What the broker's texts call an operation → its tool. */
const toolNames = new Map(names.map((name) => [operationOf(name), name]));
const isTool = (operation: string): operation is ToolName => toolNames.has(operation);

/** The list of tools as JSON without line feeds. Read when the host asks, once, so that no session keeps it in memory. */
export const toolList = (root: string): string =>
  readFileSync(join(root, "dist/tools.json"), "utf8").replaceAll("\n", "");

/** The answer to a call. The host may show a model only `structuredContent`, so that stands on its own. */
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
 * call was read. `answered` takes what is to be done once the host has the answer.
 */
export async function callTool(
  session: Omit<ToolSession, "waitedMs">,
  name: string,
  input: Record<string, unknown>,
  waitedMs: number,
  answered: (done: () => void) => void,
): Promise<ToolResult> {
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
    return { ...textResult(text ?? JSON.stringify(output)), structuredContent: output };
  } catch (error) {
    return textResult(sanitize(nameOperations(errorLine(error), toolNames)), true);
  }
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
