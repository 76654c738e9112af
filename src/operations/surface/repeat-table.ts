/** The checked-in table of which operations may be repeated, typed: of the surface, all that the client loads. */
import type { Repeatable } from "../core/operation.ts";
import repeatableJson from "./repeatable.json" with { type: "json" };

// TypeScript reads the strings of a JSON file as `string`; `test/surface.test.ts` proves this type.
export const repeatTable = repeatableJson as Readonly<Record<string, Repeatable>>;
