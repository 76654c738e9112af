/** Records delivery transitions, and reports mail that ends unread to its sender and to the operator. */
import { type Delivery, hasFailed, isWaiting } from "../../rules/delivery.ts";
import { BROKER_NAME } from "../../rules/names.ts";
import { MAX_TEXT_BYTES, oneLine } from "../../rules/text.ts";
import { type DeliveryRow, findMessage, updateDelivery } from "../../store/messages.ts";
import { findPeers, formerPeers } from "../../store/peers.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { note } from "./notes.ts";
import { report } from "./post.ts";

/** Stores a delivery's next state and counts the transition. Returns the stored row. */
export async function recordDelivery(
  { sql, count, bounds }: Pick<TransactionContext, "sql" | "count" | "bounds">,
  before: DeliveryRow,
  next: Delivery,
): Promise<DeliveryRow> {
  const after = { ...before, ...next };
  await updateDelivery(sql, after);
  if (!isWaiting(before) && isWaiting(after)) bounds?.addWaiting(after.peer_id, MAX_TEXT_BYTES);
  count({ what: "delivery", before, after });
  return after;
}

/** Stores a delivery's next state; when it ended unread, tells its sender and notes it for the operator. */
export async function recordOutcome(context: TransactionContext, before: DeliveryRow, next: Delivery): Promise<void> {
  const { sql } = context;
  await recordDelivery(context, before, next);
  if (!hasFailed(next) || hasFailed(before)) return;
  const message = await findMessage(sql, before.message_id);
  if (!message || message.from_id === BROKER_NAME) return;
  const [named] = await formerPeers(sql, [before.peer_id]);
  const recipient = named?.name ?? before.peer_id;
  const sender = await findPeers(sql, [message.from_id]);
  const what = `message ${message.message_id} to ${recipient} is ${next.state}: ${next.reason ?? "no known reason"}`;
  if (next.state === "dead" || before.state === "held" || sender.length === 0)
    await note(
      context,
      // Of a person's messages each is noted; of a peer's, which could be very many, one at a time.
      `failed ${sender.length === 0 ? message.message_id : `${message.from_id} ${before.peer_id}`}`,
      `The ${what}. To send it again: cct resend ${message.message_id}. To see all of them: cct messages --dead`,
    );
  await report(context, {
    to: sender,
    pool: undefined,
    text: `Your ${what}. It began: "${oneLine(message.text, 80)}"`,
    urgency: message.urgency === "low" ? "low" : "normal",
    // The sender: the recipient did not cause it, and the sweep must not stop at it.
    cause: message.from_id,
  });
}
