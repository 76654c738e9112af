/** Sending again messages that ended unread. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { shortMessageId } from "../rules/address.ts";
import { type Delivery, newDelivery, type Policy, policyFor, sendAgain } from "../rules/delivery.ts";
import { muteOf, underMute } from "../rules/mutes.ts";
import { requireActiveMember } from "../rules/pools.ts";
import { hasRoom } from "../rules/quotas.ts";
import { failedIds, recentIds } from "../store/history.ts";
import { allMutes, setHeldBy } from "../store/mutes.ts";
import { policiesOf } from "../store/policies.ts";
import { findPool } from "../store/pools.ts";
import { recipientsOf } from "../store/recipients.ts";
import { operation } from "./core/operation.ts";
import { mailboxFor } from "./support/charging.ts";
import { messageAmong } from "./support/may-read.ts";
import { recordDelivery } from "./support/outcomes.ts";
import { fullError } from "./support/post.ts";
import { addressFormatter } from "./support/references.ts";
import { deliveryShape, messageRef, toDeliveryShape } from "./support/shapes.ts";

export const resendMessage = operation({
  name: "resend_message",
  by: ["peer", "operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "resend <message_id>",
  example: "resend 4ad570c5",
  doc: "Sends a message again that ended unread: dead, expired or refused. Its deadline no longer applies. For its sender and the operator.",
  input: z.strictObject({ message_id: messageRef }),
  output: z.object({ message_id: z.string(), recipients: z.array(deliveryShape) }),
  async run(context, input) {
    const { sql, caller } = context;
    const message = await messageAmong(context, input.message_id, (part) =>
      caller.kind === "peer" ? recentIds(sql, caller.peer.peer_id, part) : failedIds(sql, part),
    );
    if (!message || (caller.kind === "peer" && message.from_id !== caller.peer.peer_id)) {
      throw new CctError(
        "not_found",
        `There is no message '${input.message_id}' that you sent.`,
        "A short id is looked for among recent messages that ended unread: cct messages --dead.",
      );
    }
    const { message_id } = message;
    if (caller.kind === "peer" && message.pool_id !== null) {
      const pool = await findPool(sql, message.pool_id);
      if (pool) requireActiveMember(pool, caller.peer.peer_id);
    }
    // Resending gets around neither a mute nor a policy. The operator does.
    const mute =
      caller.kind === "peer" ? muteOf(await allMutes(sql), message.from_id, message.pool_id, context.now) : undefined;
    let revived = 0;
    let full: CctError | undefined;
    for (const row of await recipientsOf(sql, [message_id])) {
      const again = sendAgain(row);
      if (!again || row.isRemoved) continue;
      const held =
        caller.kind === "peer"
          ? underMute(policyFor(await policiesOf(sql, row.peer_id), message.from_id, message.pool_id), mute)
          : undefined;
      const next = held ? { ...again, ...standingUnder(held.policy) } : again;
      if (next.state === "refused") continue;
      const box = await mailboxFor(context, row.peer_id, caller.kind === "peer" ? caller.peer.peer_id : null);
      if (!hasRoom(box, caller.kind === "peer" ? "peer" : "operator", context.limits.mailbox_messages)) {
        full ??= fullError(row, box);
        continue;
      }
      await recordDelivery(context, row, next);
      if (held?.mute) await setHeldBy(sql, row, held.mute.source);
      context.emit({ peer_id: row.peer_id, about: "mail" });
      revived++;
    }
    if (revived === 0 && full) throw full;
    if (revived === 0) {
      throw new CctError(
        "conflict",
        "No delivery of this message ended unread at a recipient that accepts it.",
        `See: cct message ${shortMessageId(message_id)}`,
      );
    }
    const call = await addressFormatter(sql, caller);
    const recipients = (await recipientsOf(sql, [message_id])).map((row) => toDeliveryShape(row, call));
    return { message_id, recipients };
  },
});

/** The state of new mail under a policy. */
function standingUnder(policy: Policy): Pick<Delivery, "state" | "reason"> {
  const { state, reason } = newDelivery(null, policy);
  return { state, reason };
}
