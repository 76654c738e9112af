/** Message history and delivery status. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { grouped } from "../rules/grouped.ts";
import { failedMessages, history } from "../store/history.ts";
import { findMessage, recipientsOf } from "../store/messages.ts";
import { operation } from "./core/operation.ts";
import { mayKnow } from "./support/may-read.ts";
import { addressFormatter, peerEverNamed, senderAddressFormatter } from "./support/references.ts";
import { address, deliveryShape, messageId, toDeliveryShape, urgency } from "./support/shapes.ts";

export const messageStatus = operation({
  name: "message_status",
  isolation: "snapshot",
  by: ["peer", "operator"],
  repeatable: "always",
  errors: ["not_found"],
  cli: "message <message_id>",
  example: "message 01a21529-b89e-7ea7-8b80-7a214ad570c5",
  tool: { title: "Message status", readOnly: true },
  doc: "Reports the delivery of a message to each recipient: queued, claimed, delivered (its host took the text), read (its model answered with the text in view), held (by the recipient's inbound policy), or ended unread: expired, refused, dead.",
  input: z.strictObject({ message_id: messageId }),
  output: z.object({
    message_id: z.string(),
    from_name: z.string(),
    to: z.string(),
    sent_at: z.int(),
    recipients: z.array(deliveryShape),
  }),
  async run(context, input) {
    const message = await findMessage(context.sql, input.message_id);
    const recipients = await recipientsOf(context.sql, [input.message_id]);
    if (!message || !mayKnow(context, message, recipients)) {
      throw new CctError(
        "not_found",
        `There is no message '${input.message_id}' that you sent or received.`,
        "Use the message_id from the answer to send_message.",
      );
    }
    const { message_id, from_name, to_address, sent_at } = message;
    const call = await addressFormatter(context.sql, context.caller);
    return {
      message_id,
      from_name,
      to: to_address,
      sent_at,
      recipients: recipients.map((row) => toDeliveryShape(row, call)),
    };
  },
});

export const messages = operation({
  name: "messages",
  isolation: "snapshot",
  by: ["peer", "operator"],
  repeatable: "always",
  errors: ["not_found", "ambiguous"],
  cli: "messages",
  example: "messages --peer api --limit 20",
  doc: "Lists the message history, newest first: all messages for the operator, its own for a peer.",
  input: z.strictObject({
    peer: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe("only messages that this peer sent or received; also one that was removed"),
    limit: z.int().min(1).max(500).optional().describe("default 50"),
    before: z.int().min(1).optional().describe("only messages with a lower seq, for paging back"),
    dead: z.boolean().optional().describe("only messages that ended unread: dead, expired, refused; see resend"),
  }),
  output: z.object({
    messages: z.array(
      z.object({
        seq: z.int(),
        message_id: z.string(),
        from: z.string(),
        from_name: z.string(),
        from_address: address,
        to: z.string(),
        urgency,
        text: z.string(),
        sent_at: z.int(),
        thread_id: z.string(),
        reply_to: z.string().optional(),
        recipients: z.array(deliveryShape),
      }),
    ),
  }),
  async run(context, input) {
    const { sql, caller } = context;
    const before = input.before ?? Number.MAX_SAFE_INTEGER;
    const whose = [
      ...(caller.kind === "peer" ? [caller.peer.peer_id] : []),
      ...(input.peer === undefined ? [] : [(await peerEverNamed(sql, input.peer)).peer_id]),
    ];
    const limit = input.limit ?? 50;
    const found = input.dead
      ? await failedMessages(sql, whose[0], before, limit)
      : await history(sql, whose, before, limit);
    const deliveries = await recipientsOf(
      sql,
      found.map((message) => message.message_id),
    );
    const recipients = grouped(deliveries, (one) => one.message_id);
    const call = await addressFormatter(sql, caller);
    const callSender = await senderAddressFormatter(sql, call, found);
    return {
      messages: found.map((m) => ({
        seq: m.seq,
        message_id: m.message_id,
        from: m.from_id,
        from_name: m.from_name,
        from_address: callSender(m),
        to: m.to_address,
        urgency: m.urgency,
        text: m.text,
        sent_at: m.sent_at,
        thread_id: m.thread_id,
        ...(m.reply_to === null ? {} : { reply_to: m.reply_to }),
        recipients: (recipients.get(m.message_id) ?? []).map((d) => toDeliveryShape(d, call)),
      })),
    };
  },
});
