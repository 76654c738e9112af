/** How an operation ends: with an answer or with an error code. */
import type { OperationName } from "../../src/operations/index.ts";
import { CctError } from "../../src/platform/errors.ts";
import type { Credentials } from "./api.ts";
import type { Clockwork } from "./clockwork.ts";

/** `code`: the error's, or `nothing` when the operation answered. `said`: all text of the answer or the error. */
export async function outcomeOf(
  works: Clockwork,
  name: string,
  input: unknown,
  as: Credentials,
): Promise<{ code: string; said: string }> {
  try {
    // Inputs are as loose here as over HTTP; the operation checks them.
    return { code: "nothing", said: JSON.stringify(await works.call(name as OperationName, input as never, as)) };
  } catch (error) {
    if (!(error instanceof CctError)) throw error;
    return { code: error.code, said: `${error.message} ${error.hint}` };
  }
}
