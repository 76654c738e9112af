/** Wrong usage: a command that cannot mean anything. Exit code 2; every other error is 1. */
import { CctError } from "../../platform/errors.ts";

export class UsageError extends CctError {
  constructor(message: string, hint = "") {
    super("bad_request", message, hint);
  }
}

/** Runs `work` on what was typed; `bad_request` is then wrong usage. */
export function asUsage<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw usageError(error);
  }
}

/** `bad_request` as wrong usage; other errors as they are. */
export function usageError(error: unknown): unknown {
  return error instanceof CctError && error.code === "bad_request" ? new UsageError(error.message, error.hint) : error;
}
