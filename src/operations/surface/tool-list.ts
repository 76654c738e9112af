/** The checked-in list of tools, typed: of the surface, all that the session server loads. */
import toolsJson from "./tools.json" with { type: "json" };
import type { Tool } from "./tools.ts";

// TypeScript reads the strings of a JSON file as `string`; `test/surface.test.ts` proves this type.
export const tools = toolsJson as unknown as readonly Tool[];
