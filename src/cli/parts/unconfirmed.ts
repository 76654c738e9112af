/** What to say of a message that perhaps was sent. */
import { isUnavailable, wasNotReceived } from "../../client/client.ts";
import { CctError } from "../../platform/errors.ts";

/** The error to show when a send failed. `again`: how to send it again, if its answer may only have been lost. */
export function unconfirmed(error: unknown, again: string): unknown {
  if (!isUnavailable(error) || wasNotReceived(error)) return error;
  return new CctError("unavailable", `The message was not confirmed, perhaps it was sent: ${error.message}`, again);
}
