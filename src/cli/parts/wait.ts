/** `cct send --wait`: waits until the message is delivered or read, or can no longer be. */
import { type Client, isUnavailable } from "../../client/client.ts";
import type { Credentials } from "../../operations/core/identity.ts";
import type { OutputOf } from "../../operations/index.ts";
import { CctError } from "../../platform/errors.ts";
import { shortMessageId } from "../../rules/address.ts";
import { span } from "../../rules/text.ts";
import { TimedOut } from "./usage.ts";

const LOOK_EVERY_MS = 200;

type Status = OutputOf<"message_status">;

/** States that satisfy the wanted one. */
const reached = { delivered: ["delivered", "read"], read: ["read"] };
const ENDED = ["expired", "refused", "dead"];

/** What became of a message, and why that is not what was waited for. */
interface Waited {
  status: Status;
  problem?: CctError;
}

/**
 * Waits for every recipient. `steady` (monotonic) and `timeout` in milliseconds. The problem is `conflict` when no other recipient
 * will get it, and `TimedOut` when the time is over; the message itself is not changed.
 */
export async function waitFor(
  client: Client,
  messageId: string,
  wanted: keyof typeof reached,
  timeout: number,
  steady: () => number,
  me: Credentials | undefined,
): Promise<Waited> {
  const see = `cct message ${shortMessageId(messageId)}`;
  for (const deadline = steady() + timeout; ; ) {
    const status = await watched(client.call("message_status", { message_id: messageId }, me), messageId);
    const open = status.recipients.filter((one) => !reached[wanted].includes(one.state));
    if (open.length === 0) return { status };
    const ended = open.filter((one) => ENDED.includes(one.state));
    if (ended.length === open.length)
      return { status, problem: new CctError("conflict", `Not ${wanted}: ${statesOf(ended)}.`, `See: ${see}`) };
    if (steady() > deadline) {
      const problem = new TimedOut(
        `Not ${wanted} within ${span(timeout)}: ${statesOf(open)}.`,
        `The message is still on its way; check later with: ${see}`,
      );
      return { status, problem };
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** `api (queued), web (claimed)` */
export const statesOf = (recipients: Status["recipients"]): string =>
  recipients.map((one) => `${one.name} (${one.state})`).join(", ");

/** The answer, or an error that says that the message itself is safe. */
export function watched<T>(answer: Promise<T>, messageId: string): Promise<T> {
  return answer.catch((error: unknown) => {
    if (!isUnavailable(error)) throw error;
    throw new CctError(
      "unavailable",
      `The message is stored, but it cannot be watched any more: ${error.message}`,
      `Do not send it again; check later with: cct message ${shortMessageId(messageId)}`,
    );
  });
}
