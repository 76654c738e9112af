/** `cct send --wait`: waits until the message is delivered or read, or can no longer be. */
import { type Client, isUnavailable } from "../../client/client.ts";
import type { Credentials } from "../../operations/core/identity.ts";
import type { OutputOf } from "../../operations/index.ts";
import { CctError } from "../../platform/errors.ts";

const LOOK_EVERY_MS = 200;

type Status = OutputOf<"message_status">;

/** States that satisfy the wanted one. */
const reached = { delivered: ["delivered", "read"], read: ["read"] };
const ENDED = ["expired", "refused", "dead"];

/**
 * Waits for every recipient. `steady` (monotonic) and `timeout` in milliseconds. Throws `conflict` when some recipient will not get it,
 * and `unavailable` on timeout; the message itself is not changed.
 */
export async function waitFor(
  client: Client,
  messageId: string,
  wanted: keyof typeof reached,
  timeout: number,
  steady: () => number,
  me: Credentials | undefined,
): Promise<Status> {
  for (const deadline = steady() + timeout; ; ) {
    const status = await client.call("message_status", { message_id: messageId }, me).catch((error: unknown) => {
      if (!isUnavailable(error)) throw error;
      throw new CctError(
        "unavailable",
        `The message is stored, but its delivery cannot be watched any more: ${error.message}`,
        `Do not send it again; check later with: cct message ${messageId}`,
      );
    });
    const open = status.recipients.filter((one) => !reached[wanted].includes(one.state));
    if (open.length === 0) return status;
    const ended = open.filter((one) => ENDED.includes(one.state));
    const names = (all: typeof open): string => all.map((one) => `${one.name} (${one.state})`).join(", ");
    if (ended.length === open.length) {
      throw new CctError("conflict", `Not ${wanted}: ${names(ended)}.`, `See: cct message ${messageId}`);
    }
    if (steady() > deadline) {
      throw new CctError(
        "unavailable",
        `Not ${wanted} within ${Math.round(timeout / 1000)} s: ${names(open)}.`,
        `The message is still on its way; check later with: cct message ${messageId}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
