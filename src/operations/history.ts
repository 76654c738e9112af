/** Message history and delivery status. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { deliveryStates, hasFailed } from "../rules/delivery.ts";
import { grouped } from "../rules/grouped.ts";
import { withheldFrom } from "../store/held.ts";
import { countStates } from "../store/history.ts";
import { findMessages } from "../store/message-filter.ts";
import { NAMED_RECIPIENTS, PREVIEW_CHARACTERS } from "../store/previews.ts";
import { recipientsOf } from "../store/recipients.ts";
import { operation } from "./core/operation.ts";
import { mayKnow, messageNamed } from "./support/may-read.ts";
import { filterFor, filterInput, inConversation } from "./support/message-filters.ts";
import { messageHead, toMessageHead } from "./support/message-heads.ts";
import { addressFormatter, senderAddressFormatter } from "./support/references.ts";
import { deliveryShape, messageRef, toDeliveryShape, writtenSeq } from "./support/shapes.ts";

export const messageStatus = operation({
  name: "message_status",
  isolation: "snapshot",
  by: ["peer", "operator", "person"],
  repeatable: "always",
  errors: ["not_found", "ambiguous"],
  cli: "message <message_id>",
  example: "message 4ad570c5",
  tool: { title: "Message status", readOnly: true },
  doc: "Reports the delivery of a message to each recipient: queued, claimed, delivered (its host took the text), read (its model answered with the text in view), held (by the recipient's inbound policy), or ended unread: expired, refused, dead.",
  input: z.strictObject({ message_id: messageRef }),
  output: z.object({
    message_id: z.string(),
    from_name: z.string(),
    to: z.string(),
    sent_at: z.int(),
    recipients: z.array(deliveryShape),
  }),
  async run(context, input) {
    const message = await messageNamed(context, input.message_id);
    const recipients = message ? await recipientsOf(context.sql, [message.message_id]) : [];
    if (!message || !mayKnow(context, message, recipients)) {
      throw new CctError(
        "not_found",
        `There is no message '${input.message_id}' that you sent or received.`,
        "Use the id from the answer to send_message, or one of the history.",
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
  by: ["peer", "operator", "person"],
  repeatable: "always",
  errors: ["not_found", "ambiguous"],
  cli: "messages",
  example: "messages --pool checkout --since 2h",
  doc: "Lists the message history, newest first: all messages for the operator, its own for a peer or a person at another machine. Of each it shows the beginning, with `full` the whole text. Filters can be combined. An answer with `next` may have ended early: what it looked at is bounded.",
  input: z.strictObject({
    peer: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe("only messages that this peer sent or received; with 'with', those that both did"),
    conversation: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe("only messages of this conversation: the key that 'conversations' shows"),
    ...filterInput,
    grep: z.string().min(1).max(200).optional().describe("only messages whose text contains this, in any case"),
    dead: z.boolean().optional().describe("only messages that ended unread: dead, expired, refused; see resend"),
    full: z.boolean().optional().describe("whole texts, and all recipients"),
    limit: z.int().min(1).max(500).optional().describe("default 50"),
    before: writtenSeq
      .optional()
      .describe("only messages before this place: the seq of a message, for paging back, or a time"),
    after: writtenSeq
      .optional()
      .describe("only messages after this place, oldest first: the seq of a message, or a time"),
  }),
  output: z.object({
    messages: z.array(
      z.object({
        ...messageHead,
        pool_id: z.string().optional(),
        text: z
          .string()
          .describe(
            `its first ${PREVIEW_CHARACTERS} characters, or all of it with 'full'; to a peer empty while a policy holds it, and after it was refused or ended before the peer got it`,
          ),
        characters: z.int().optional().describe("of the whole text, where it is cut"),
        expires_at: z.int().optional(),
        reply_to: z.string().optional(),
        recipients: z.array(deliveryShape).describe(`none without 'full' if there are more than ${NAMED_RECIPIENTS}`),
        states: z
          .array(z.object({ state: z.enum(deliveryStates), recipients: z.int() }))
          .optional()
          .describe("how many recipients are in each state, where they are not named"),
      }),
    ),
    next: z.int().optional().describe("there may be more: the value of 'before' (or 'after') for them"),
  }),
  async run(context, input) {
    const { sql, caller } = context;
    const { dead = false, full = false } = input;
    const all = await filterFor(context, input, [input.peer]);
    const filter = input.conversation === undefined ? all : await inConversation(context, all, input.conversation);
    const [first, ...others] = filter.participants;
    // The operator reads everything, and no policy keeps mail from a person.
    const reader = caller.kind === "peer" ? caller.peer.peer_id : undefined;
    // What ended unread concerns its sender.
    const failed = dead && { states: FAILED, ofPeople: true, from: first, participants: others };
    const found = await findMessages(
      sql,
      // A peer must not find a message by words that it may not read.
      { ...filter, text: input.grep, readableBy: input.grep === undefined ? undefined : reader, ...failed },
      { before: input.before, after: input.after },
      input.limit ?? 50,
    );
    const ids = found.messages.map((message) => message.message_id);
    const withheld = reader === undefined ? undefined : await withheldFrom(sql, reader, ids);
    const states = grouped(full ? [] : await countStates(sql, ids), (one) => one.message_id);
    const isNamed = (id: string): boolean =>
      full || (states.get(id) ?? []).reduce((sum, one) => sum + one.recipients, 0) <= NAMED_RECIPIENTS;
    const recipients = grouped(await recipientsOf(sql, ids.filter(isNamed)), (one) => one.message_id);
    const call = await addressFormatter(sql, caller);
    const callSender = await senderAddressFormatter(sql, call, found.messages);
    return {
      messages: found.messages.map((m) => ({
        ...toMessageHead(m, callSender(m)),
        ...(m.pool_id === null ? {} : { pool_id: m.pool_id }),
        ...textOf(withheld?.has(m.message_id) ? "" : m.text, full),
        ...(m.expires_at === null ? {} : { expires_at: m.expires_at }),
        ...(m.reply_to === null ? {} : { reply_to: m.reply_to }),
        recipients: (recipients.get(m.message_id) ?? []).map((d) => toDeliveryShape(d, call)),
        ...(isNamed(m.message_id)
          ? {}
          : { states: (states.get(m.message_id) ?? []).map(({ state, recipients: n }) => ({ state, recipients: n })) }),
      })),
      ...(found.next === undefined ? {} : { next: found.next }),
    };
  },
});

const FAILED = deliveryStates.filter((state) => hasFailed({ state }));

/** A text, or its beginning and its length. */
const textOf = (text: string, full: boolean): { text: string; characters?: number } =>
  full || text.length <= PREVIEW_CHARACTERS
    ? { text }
    : { text: text.slice(0, PREVIEW_CHARACTERS).replace(/[\ud800-\udbff]$/, ""), characters: text.length };
