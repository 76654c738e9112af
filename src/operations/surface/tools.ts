/** The MCP tools, made from the surface: `tools.json`, which the session server answers with, and their names. */
import type { FieldType } from "../../rules/toolinput.ts";
import type { JsonProperty, JsonSchema, SurfaceEntry } from "./surface.ts";

/** What a tool is called besides its operation's name. */
export const TOOL_PREFIX = "cct_";
/** Claude Code puts results above 50,000 characters into a file, of which the model sees the beginning, unless told so. */
const MAX_RESULT = 300_000;

/** Without an output schema: the answer is text. */
export interface Tool {
  name: string;
  description: string;
  inputSchema: JsonSchema;
  annotations: {
    title: string;
    readOnlyHint: boolean;
    idempotentHint: boolean;
    destructiveHint: boolean;
    openWorldHint: boolean;
  };
  _meta: Record<string, unknown>;
}

/** What is checked where the tool runs, by a broker that says what is wrong: in each request it would cost tokens. */
const CHECKS = ["minLength", "maxLength", "pattern", "minimum", "maximum"];

/** The whole input of a tool. */
const inputOf = ({ tool, input }: SurfaceEntry): JsonSchema => ({
  ...input,
  properties: { ...input.properties, ...tool?.takes },
});

/** The input as a model is shown it. Fields that are not listed are taken too, so it does not forbid others. */
function shownInput(entry: SurfaceEntry): JsonSchema {
  const { properties, required = [] } = inputOf(entry);
  const { unlisted = [] } = entry.tool ?? {};
  const shown = Object.entries(properties)
    .filter(([name]) => !unlisted.includes(name))
    .map(([name, property]) => [name, withoutChecks(property)]);
  return { type: "object", properties: Object.fromEntries(shown), ...(required.length > 0 && { required }) };
}

const withoutChecks = ({ written, ...property }: JsonProperty): JsonProperty => ({
  ...Object.fromEntries(Object.entries(property).filter(([word]) => !CHECKS.includes(word))),
  // A time is written as a text, and understood where the tool runs.
  ...(written !== undefined && { type: "string" }),
});

export function toolsOf(surface: readonly SurfaceEntry[]): Tool[] {
  return surface.flatMap((entry) => {
    const { name, doc, repeatable, tool } = entry;
    if (!tool) return [];
    const { title, readOnly, alwaysLoad } = tool;
    return {
      name: TOOL_PREFIX + name,
      description: doc,
      inputSchema: shownInput(entry),
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

/** The type of each field of each tool, without what is for readers. */
export const toolFields = (surface: readonly SurfaceEntry[]): Record<string, Record<string, FieldType>> =>
  Object.fromEntries(
    surface
      .filter(({ tool }) => tool)
      .map((entry) => {
        const { properties, required = [] } = inputOf(entry);
        const { unlisted = [] } = entry.tool ?? {};
        const fields = Object.entries(properties).map(([field, property]): [string, FieldType] => [
          field,
          {
            ...(property.enum ? { enum: property.enum } : { type: property.type }),
            ...(property.written && { written: property.written }),
            ...(required.includes(field) && { required: true }),
            ...(unlisted.includes(field) && { rare: true }),
          },
        ]);
        return [TOOL_PREFIX + entry.name, Object.fromEntries(fields)];
      }),
  );

/** The list as JSON, a line for each tool. */
export const toolLines = (surface: readonly SurfaceEntry[]): string =>
  `[\n${toolsOf(surface)
    .map((tool) => JSON.stringify(tool))
    .join(",\n")}\n]\n`;
