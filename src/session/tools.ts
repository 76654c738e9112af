/** The MCP tools: made from the surface. The host may show a model only `structuredContent`, so the answer stands on its own. */
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js";
import { checkOutgoing } from "../client/secrets.ts";
import type { ToolName } from "../operations/index.ts";
import { surface } from "../operations/surface/snapshot.ts";
import type { JsonSchema, SurfaceEntry } from "../operations/surface/surface.ts";
import { CctError, errorLine } from "../platform/errors.ts";
import { sanitize } from "../rules/framing.ts";
import { nameOperations } from "../rules/vocabulary.ts";
import { type Reply, runTool, type ToolSession } from "./tool-calls.ts";

export type { ToolSession } from "./tool-calls.ts";

const PREFIX = "cct_";
/** Claude Code puts results above 50,000 characters into a file, of which the model sees the beginning, unless told so. */
const MAX_RESULT = 300_000;

type ToolEntry = SurfaceEntry & { name: ToolName; tool: NonNullable<SurfaceEntry["tool"]> };
const isTool = (entry: SurfaceEntry): entry is ToolEntry => entry.tool !== undefined;
const offered = surface.filter(isTool);
/** What the broker's texts call an operation → its tool. */
const toolNames = new Map(offered.map(({ name }) => [String(name), PREFIX + name]));

export function listTools(): Tool[] {
  return offered.map(({ name, doc, repeatable, tool, input, output }) => ({
    name: PREFIX + name,
    description: doc,
    inputSchema: { ...input, properties: { ...input.properties, ...tool.takes } },
    outputSchema: outputSchema(output, tool.adds),
    annotations: {
      title: tool.title,
      readOnlyHint: tool.readOnly,
      // A tool call always has an idempotency key where the operation takes one: see `send`.
      idempotentHint: repeatable !== "never",
      destructiveHint: false,
      openWorldHint: false,
    },
    _meta: { "anthropic/maxResultSizeChars": MAX_RESULT, ...(tool.alwaysLoad ? { "anthropic/alwaysLoad": true } : {}) },
  }));
}

function outputSchema(output: JsonSchema, adds: JsonSchema["properties"] = {}): JsonSchema {
  return { ...output, properties: { ...adds, ...output.properties } };
}

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
): Promise<CallToolResult> {
  try {
    const entry = offered.find((one) => PREFIX + one.name === name);
    if (!entry) {
      throw new CctError(
        "not_found",
        `There is no tool '${name}'.`,
        `Tools: ${offered.map((one) => PREFIX + one.name).join(", ")}.`,
      );
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
      await runTool(afterWaiting(session, waitedMs), entry.name, await checkOutgoing(input), reply),
    );
    return { content: [{ type: "text", text: text ?? JSON.stringify(output) }], structuredContent: output };
  } catch (error) {
    return { isError: true, content: [{ type: "text", text: sanitize(nameOperations(errorLine(error), toolNames)) }] };
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
