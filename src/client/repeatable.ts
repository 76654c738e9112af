/** Idempotency: which calls may be sent again when it is unknown whether the first one arrived. */

import type { OperationName } from "../operations/index.ts";
import { surface } from "../operations/surface/snapshot.ts";

const declared = new Map(surface.map(({ name, repeatable }) => [name, repeatable]));

export function isRepeatable(name: OperationName, input: unknown): boolean {
  const repeatable = declared.get(name);
  if (repeatable === undefined || repeatable === "never") return false;
  if (repeatable === "always") return true;
  // `with <field>`: the field is an idempotency key.
  const key = repeatable.slice("with ".length);
  return typeof input === "object" && input !== null && key in input;
}
