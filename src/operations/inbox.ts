/** A person's inbox: mail to the operator, or to the person at another machine. It is read where it is shown. */
import * as z from "zod";
import { deliveryStates, readByPerson } from "../rules/delivery.ts";
import { pageOf, pageSize, placeAfter } from "../rules/listing.ts";
import { recentIds } from "../store/history.ts";
import { findDelivery } from "../store/messages.ts";
import { countInbox, personalMail } from "../store/people.ts";
import { operation } from "./core/operation.ts";
import { pageInput, pageOutput } from "./support/listing.ts";
import { messageNamed } from "./support/may-read.ts";
import { recordDelivery } from "./support/outcomes.ts";
import { participantOf } from "./support/people.ts";
import { addressFormatter, senderAddressFormatter } from "./support/references.ts";
import { address, messageId, messageRef, time, urgency } from "./support/shapes.ts";

export const inbox = operation({
  name: "inbox",
  isolation: "snapshot",
  by: ["operator", "person"],
  repeatable: "always",
  errors: ["ambiguous"],
  cli: "inbox",
  example: "inbox --follow",
  doc: "Lists your own mail: unread messages, newest first; with `all`, those that you have read after them. It marks nothing as read. At the broker's machine that is the mail to `operator`; at another machine, the mail to the person there.",
  input: z.strictObject({
    all: z.boolean().optional().describe("also what you have read, or what expired"),
    reply_to: messageRef.optional().describe("only replies to this message"),
    message_id: messageRef.optional().describe("only this message"),
    ...pageInput,
  }),
  output: z.object({
    messages: z.array(
      z.object({
        message_id: z.string(),
        from: z.string().describe("peer_id, 'operator' for a person, or 'cct' for reports of the broker"),
        from_name: z.string(),
        from_address: address,
        to: z.string(),
        pool: z.string().optional(),
        text: z.string(),
        urgency,
        sent_at: time,
        thread_id: z.string(),
        reply_to: z.string().optional(),
        state: z.enum(deliveryStates).describe("queued: unread"),
        read_at: time.nullable(),
      }),
    ),
    unread: z.int().describe("all your unread messages"),
    ...pageOutput,
  }),
  async run(context, input) {
    const { sql, caller, now } = context;
    const me = participantOf(context).peer_id;
    const wanted = async (ref: string | undefined): Promise<string | undefined> =>
      ref === undefined
        ? undefined
        : ((await messageNamed(context, ref, (part) => recentIds(sql, me, part)))?.message_id ?? ref);
    const limit = pageSize(input.limit, context.limits.page);
    const place = placeAfter(input.after, 2);
    const filter = {
      unreadOnly: !(input.all ?? false),
      reply_to: await wanted(input.reply_to),
      message_id: await wanted(input.message_id),
      after: place && { part: place.numbers[0] ?? 0, seq: place.numbers[1] ?? 0 },
      limit: limit + 1,
    };
    const { page, ...rest } = pageOf(await personalMail(sql, me, filter, now), limit, (m) => [
      m.part,
      m.seq,
      m.message_id,
    ]);
    const call = await senderAddressFormatter(sql, await addressFormatter(sql, caller), page);
    return {
      messages: page.map((m) => ({
        message_id: m.message_id,
        from: m.from_id,
        from_name: m.from_name,
        from_address: call(m),
        to: m.to_address,
        ...(m.pool === null ? {} : { pool: m.pool }),
        text: m.text,
        urgency: m.urgency,
        sent_at: m.sent_at,
        thread_id: m.thread_id,
        ...(m.reply_to === null ? {} : { reply_to: m.reply_to }),
        state: m.state,
        read_at: m.read_at,
      })),
      unread: await countInbox(sql, me, now),
      ...rest,
    };
  },
});

/** Messages that one call marks. */
const MAX_MARKS = 500;

export const markRead = operation({
  name: "mark_read",
  isolation: "snapshot",
  durable: false,
  by: ["operator", "person"],
  repeatable: "always",
  doc: "Marks messages of your inbox as read, which their senders see. For programs that have shown them as a whole: `cct inbox read` does both. Ids that are not in your inbox, or read already, change nothing.",
  input: z.strictObject({ message_ids: z.array(messageId).min(1).max(MAX_MARKS) }),
  output: z.object({ marked: z.int(), unread: z.int().describe("all that are still unread") }),
  async run(context, { message_ids }) {
    const { sql, now } = context;
    const me = participantOf(context).peer_id;
    let marked = 0;
    for (const id of new Set(message_ids)) {
      const delivery = await findDelivery(sql, id, me);
      const next = delivery && readByPerson(delivery, now);
      if (!delivery || !next) continue;
      await recordDelivery(context, delivery, next);
      marked++;
    }
    return { marked, unread: await countInbox(sql, me, now) };
  },
});
