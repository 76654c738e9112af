/** Invitations: the codes inside join strings. */
import { CctError } from "../../platform/errors.ts";

/** What an invitation is told that opens nothing (any more). */
export const usedUp = (): CctError =>
  new CctError(
    "unauthorized",
    "This join string was used before, or is older than 15 minutes.",
    "Ask for a new one: cct device invite, on the broker's machine.",
  );
