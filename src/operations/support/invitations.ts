/** Invitations: the codes inside join strings. */
import { CctError } from "../../platform/errors.ts";

/** The error for a used or expired invitation. */
export const usedUp = (): CctError =>
  new CctError(
    "unauthorized",
    "This join string was already used, or is older than 15 minutes.",
    "Ask for a new one: cct device invite, on the broker's machine.",
  );
