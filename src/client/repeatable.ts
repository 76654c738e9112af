/** Idempotency: which calls may be sent again when it is unknown whether the first one arrived. */

import type { OperationName } from "../operations/index.ts";
import { repeatTable } from "../operations/surface/repeat-table.ts";

export function isRepeatable(name: OperationName, input: unknown): boolean {
  const repeatable = repeatTable[name];
  if (repeatable === undefined || repeatable === "never") return false;
  if (repeatable === "always") return true;
  // `with <field>`: the field is an idempotency key.
  const key = repeatable.slice("with ".length);
  return typeof input === "object" && input !== null && key in input;
}
