/** Records delivery transitions, and reports mail that ends unread to its sender and to the operator. */
import { shortMessageId } from "../../rules/address.ts";
import { type Delivery, hasFailed, isWaiting } from "../../rules/delivery.ts";
import { BROKER_NAME, isPerson } from "../../rules/names.ts";
import { MAX_TEXT_BYTES, oneLine } from "../../rules/text.ts";
import { endedUnread } from "../../rules/texts/notices.ts";
import { type DeliveryRow, findMessage, updateDelivery } from "../../store/messages.ts";
import { findPeers, formerPeers } from "../../store/peers.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { note } from "./notes.ts";
import { mailboxOfPerson } from "./people.ts";
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

/** Stores a delivery's next state; when it ended unread, tells its sender and notes it for the operator, unless that is who decided it. */
export async function recordOutcome(
  context: TransactionContext,
  before: DeliveryRow,
  next: Delivery,
  by?: "operator" | "purge",
): Promise<void> {
  const { sql } = context;
  await recordDelivery(context, before, next);
  if (!hasFailed(next) || hasFailed(before)) return;
  const message = await findMessage(sql, before.message_id);
  if (!message || message.from_id === BROKER_NAME) return;
  const [named] = await formerPeers(sql, [before.peer_id]);
  const recipient = named?.name ?? before.peer_id;
  const isPersons = isPerson(message.from_name);
  const person = isPersons ? await mailboxOfPerson(sql, message.from_id, context.now) : undefined;
  const sender = isPersons ? (person ? [person] : []) : await findPeers(sql, [message.from_id]);
  const what = `message ${shortMessageId(message.message_id)} to ${recipient} is ${next.state}: ${next.reason ?? "no known reason"}`;
  if (by === undefined && (next.state === "dead" || before.state === "held" || isPersons || sender.length === 0))
    await note(
      context,
      // Of a person's messages each is noted; of a peer's, which could be very many, one at a time.
      `failed ${isPersons || sender.length === 0 ? message.message_id : `${message.from_id} ${before.peer_id}`}`,
      `The ${what}. To send it again: cct resend ${message.message_id}. To see all of them: cct messages --dead`,
    );
  await report(context, {
    to: sender,
    pool: undefined,
    // What is deleted is quoted nowhere.
    text: endedUnread(what, by === "purge" ? undefined : oneLine(message.text, 80)),
    urgency: message.urgency === "low" ? "low" : "normal",
    // The sender: the recipient did not cause it, and the sweep must not stop at it.
    cause: message.from_id,
  });
}
