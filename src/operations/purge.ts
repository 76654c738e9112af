/** Deletes old messages by filter, on the word of the operator. */
import * as z from "zod";
import { grouped } from "../rules/grouped.ts";
import { isFinal } from "../rules/retention.ts";
import { findMessages } from "../store/message-filter.ts";
import { findDelivery } from "../store/messages.ts";
import { recipientsOf } from "../store/recipients.ts";
import { deleteMessages, deliveryStatesOf } from "../store/retention.ts";
import { type Context, operation } from "./core/operation.ts";
import { filterFor, filterInput } from "./support/message-filters.ts";
import { recordOutcome } from "./support/outcomes.ts";
import { writtenSeq } from "./support/shapes.ts";

/** Messages that one call looks at, few enough that nobody notices the wait. */
const BATCH = 100;

export const purgeMessages = operation({
  name: "purge_messages",
  by: ["operator"],
  repeatable: "always",
  errors: ["not_found", "ambiguous"],
  doc: "Deletes messages for good, or counts them first: 100 at a time, for `cct purge`. Messages that still wait for somebody stay, unless `unread`: then their senders are told. What a session has just taken stays in any case.",
  input: z.strictObject({
    ...filterInput,
    before: writtenSeq.optional().describe("only messages before this place: the seq of a message, or a time"),
    unread: z.boolean().optional().describe("also messages that wait: they end unread"),
    count: z.boolean().optional().describe("delete nothing, only count"),
  }),
  output: z.object({
    deleted: z.int().describe("messages that are deleted, or would be"),
    waiting: z.int().describe("of these, messages that somebody had not read"),
    kept: z.int().describe("messages that stay, because somebody has not read them"),
    next: z.int().optional().describe("there may be more: the value of 'before' for them"),
  }),
  async run(context, input) {
    const { sql } = context;
    const { before, unread = false, count = false } = input;
    const { messages, next } = await findMessages(sql, await filterFor(context, input), { before }, BATCH);
    const ids = messages.map((one) => one.message_id);
    const states = grouped(await deliveryStatesOf(sql, ids), (one) => one.message_id);
    const waitsFor = (id: string) => (states.get(id) ?? []).filter((one) => !isFinal(one));
    const mayGo = (id: string): boolean =>
      waitsFor(id).every(({ state }) => unread && (state === "queued" || state === "held"));
    const gone = ids.filter(mayGo);
    const waiting = gone.filter((id) => waitsFor(id).length > 0);
    if (!count) {
      for (const id of waiting) await endUnread(context, id);
      await deleteMessages(sql, gone);
    }
    return {
      deleted: gone.length,
      waiting: waiting.length,
      kept: ids.length - gone.length,
      ...(next === undefined ? {} : { next }),
    };
  },
});

/** Mail that is deleted before it was read is a dead letter, of which its sender is told. */
async function endUnread(context: Context, messageId: string): Promise<void> {
  for (const { peer_id } of await recipientsOf(context.sql, [messageId])) {
    const delivery = await findDelivery(context.sql, messageId, peer_id);
    if (delivery && !isFinal(delivery))
      await recordOutcome(
        context,
        delivery,
        { ...delivery, state: "dead", reason: "the operator deleted it" },
        "purge",
      );
  }
}
