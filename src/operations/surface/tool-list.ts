/** The checked-in names of all tools: of the surface, all that the session server loads at its start. */
import names from "./tool-names.json" with { type: "json" };

export const toolNames: readonly string[] = names;
