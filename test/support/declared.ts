/** Holds operations to the error codes that they declare: every test that calls one checks it. */
import type { OperationName } from "../../src/operations/index.ts";
import { errorsOf } from "../../src/operations/surface/errors.ts";
import { surface } from "../../src/operations/surface/surface.ts";

const entries = new Map<string, ReturnType<typeof surface>[number]>(surface().map((entry) => [entry.name, entry]));

/** PostgreSQL gives up a transaction that others keep disturbing, whichever operation it is of. */
const CONTENTION = /^Too many concurrent changes/;

/** Fails when an operation answered with an error that its declaration does not have. Ignores unknown operations. */
export function checkDeclared(operation: OperationName | string, code: unknown, message: unknown): void {
  const entry = entries.get(operation);
  if (!entry) return;
  const isKnown = errorsOf(entry).some((one) => one === code);
  const isOwn = code !== "conflict" || entry.errors?.includes("conflict") || CONTENTION.test(String(message));
  if (!isKnown || !isOwn)
    throw new Error(
      `${operation} answered with ${String(code)}, which its declaration does not have: ${String(message)}`,
    );
}
