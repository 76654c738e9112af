/** The MCP tools, made from the surface: `tools.json`, which the session server answers with, and their names. */
import type { JsonSchema, SurfaceEntry } from "./surface.ts";

/** What a tool is called besides its operation's name. */
export const TOOL_PREFIX = "cct_";
/** Claude Code puts results above 50,000 characters into a file, of which the model sees the beginning, unless told so. */
const MAX_RESULT = 300_000;

export interface Tool {
  name: string;
  description: string;
  inputSchema: JsonSchema;
  outputSchema: JsonSchema;
  annotations: {
    title: string;
    readOnlyHint: boolean;
    idempotentHint: boolean;
    destructiveHint: boolean;
    openWorldHint: boolean;
  };
  _meta: Record<string, unknown>;
}

export function toolsOf(surface: readonly SurfaceEntry[]): Tool[] {
  return surface.flatMap(({ name, doc, repeatable, tool, input, output }) => {
    if (!tool) return [];
    const { title, readOnly, alwaysLoad, takes, adds } = tool;
    return {
      name: TOOL_PREFIX + name,
      description: doc,
      inputSchema: { ...input, properties: { ...input.properties, ...takes } },
      outputSchema: { ...output, properties: { ...adds, ...output.properties } },
      annotations: {
        title,
        readOnlyHint: readOnly,
        // A tool call always has an idempotency key where the operation takes one: see `send` in the session.
        idempotentHint: repeatable !== "never",
        destructiveHint: false,
        openWorldHint: false,
      },
      _meta: { "anthropic/maxResultSizeChars": MAX_RESULT, ...(alwaysLoad ? { "anthropic/alwaysLoad": true } : {}) },
    };
  });
}

/** The list as JSON, a line for each tool. */
export const toolLines = (surface: readonly SurfaceEntry[]): string =>
  `[\n${toolsOf(surface)
    .map((tool) => JSON.stringify(tool))
    .join(",\n")}\n]\n`;
