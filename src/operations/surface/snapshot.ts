/**
 * The checked-in surface, typed. The session server, the CLI and the client read the operations from here, because the
 * declarations load zod and the store. `test/surface.test.ts` proves that it equals the declarations.
 */
import surfaceJson from "./surface.json" with { type: "json" };
import type { SurfaceEntry } from "./surface.ts";

// TypeScript reads the strings of a JSON file as `string`; the test named above proves this type.
export const surface = surfaceJson as readonly SurfaceEntry[];
