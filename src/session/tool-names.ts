/** The names of the tools, and texts of the broker that name an operation in terms of them. */
import { toolFields } from "../operations/surface/tool-list.ts";
import { TOOL_PREFIX } from "../operations/surface/tools.ts";
import { nameOperations } from "../rules/vocabulary.ts";

export const operationOf = (tool: string): string => tool.slice(TOOL_PREFIX.length);

/** What the broker's texts call an operation → its tool. */
export const toolNames = new Map(Object.keys(toolFields).map((name) => [operationOf(name), name]));

/** The text with tools in place of operations. */
export const withTools = (text: string): string => nameOperations(text, toolNames);
