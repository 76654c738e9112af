/** Reads all pages of a listing. */
import type { Credentials } from "../operations/core/identity.ts";
import type { OperationName, OutputOf } from "../operations/index.ts";
import { MAX_PAGE } from "../rules/listing.ts";
import type { Client } from "./client.ts";

/** Calls an operation; when it answers with a page, asks for the others and returns all in one answer. */
export async function callAllPages<N extends OperationName>(
  client: Client,
  name: N,
  input: Record<string, unknown>,
  as?: Credentials,
): Promise<OutputOf<N>> {
  const first = await client.callAny(name, input, as);
  // Any answer is an object.
  const all = first as Record<string, unknown>;
  while (typeof all.next === "string") {
    const page: Record<string, unknown> = await client.callAny(
      name,
      { ...input, limit: MAX_PAGE, after: all.next },
      as,
    );
    delete all.next;
    for (const [field, value] of Object.entries(page)) {
      const rows = all[field];
      if (Array.isArray(rows) && Array.isArray(value)) rows.push(...value);
      else all[field] = value;
    }
  }
  return first;
}
