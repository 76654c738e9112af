/** Conversations for people: which there are, what was said last in each, and one message with all that is known of it. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { deliveryMethods } from "../rules/delivery.ts";
import { HOUR_MS } from "../rules/guards.ts";
import { pageOf, placeAfter } from "../rules/listing.ts";
import { LISTING_COST } from "../rules/throttle.ts";
import { conversationsBefore, troubleByConversation, unreadBySender } from "../store/conversations.ts";
import { detailsOf, repliesTo } from "../store/details.ts";
import { formerPeers } from "../store/peers.ts";
import { previewsAt, receiptsOf } from "../store/previews.ts";
import { together } from "../store/together.ts";
import { operation } from "./core/operation.ts";
import { pageInput, pageOutput } from "./support/listing.ts";
import { messageNamed } from "./support/may-read.ts";
import { messageRow, messageRows, receipt, toMessageRow, toReceipt } from "./support/message-rows.ts";
import { participantOf } from "./support/people.ts";
import { messageRef, time } from "./support/shapes.ts";

const USUAL = 50;
const MOST = 200;
/** What ended unread before needs nobody any more. */
const FAILED_MS = 7 * 24 * HOUR_MS;

const conversation = z.object({
  key: z.string().describe("'@' and the id of a pool, or the ids of two participants: '<id>~<id>'"),
  pool_id: z.string().optional(),
  pool: z.string().optional().describe("the name of the pool"),
  with: z
    .array(z.object({ id: z.string(), name: z.string() }))
    .optional()
    .describe("the two participants, in the order of the key: peers, or people; '@all' for messages to everybody"),
  last: messageRow,
  failed: z.int().describe("deliveries in it that ended unread within seven days"),
  held: z.int().describe("deliveries in it that are held"),
  unread: z.int().optional().describe("your own unread messages in it"),
});

export const conversations = operation({
  name: "conversations",
  cost: LISTING_COST,
  isolation: "snapshot",
  by: ["operator"],
  repeatable: "always",
  cli: "conversations",
  example: "conversations --mine",
  doc: "Lists conversations, the latest first: pools, and pairs of participants that write to each other, each with its last message.",
  input: z.strictObject({
    mine: z.boolean().optional().describe("only yours"),
    pools: z.boolean().optional().describe("only pools"),
    ...pageInput,
  }),
  output: z.object({
    conversations: z.array(conversation),
    cut: z
      .boolean()
      .optional()
      .describe("there are more than 20,000 pairs: some that have not written for long are not listed"),
    ...pageOutput,
  }),
  async run(context, input) {
    const { sql, now } = context;
    const me = participantOf(context).peer_id;
    const limit = Math.min(input.limit ?? USUAL, MOST);
    const place = placeAfter(input.after, 1);
    const [{ found, isCut }, trouble, unread] = await together(
      conversationsBefore(sql, {
        of: input.mine ? me : undefined,
        pools: true,
        pairs: !input.pools,
        before: place?.numbers[0] ?? Number.MAX_SAFE_INTEGER,
        limit: limit + 1,
      }),
      troubleByConversation(sql, (now - FAILED_MS) * 1000),
      unreadBySender(sql, me, now),
    );
    const { page, ...rest } = pageOf(found, limit, ({ seq, key }) => [seq, key]);
    const pairs = page.flatMap(({ key }) => (key.startsWith("@") ? [] : key.split("~")));
    const [last, named] = await together(
      previewsAt(
        sql,
        page.map(({ seq }) => seq),
      ),
      formerPeers(sql, [...new Set(pairs)]),
    );
    const rows = new Map((await messageRows(sql, last)).map((row) => [row.seq, row]));
    const names = new Map(named.map(({ peer_id, name }) => [peer_id, name]));
    return {
      conversations: page.flatMap(({ key, seq }) => {
        const row = rows.get(seq);
        if (!row) return [];
        const ids = row.pool_id === undefined ? key.split("~") : [];
        const own = ids.includes(me) ? (unread.get(ids.find((id) => id !== me) ?? me) ?? 0) : undefined;
        return [
          {
            key,
            ...(row.pool_id === undefined
              ? { with: ids.map((id) => ({ id, name: names.get(id) ?? (id === row.from ? row.from_name : id) })) }
              : { pool_id: row.pool_id, pool: row.pool }),
            last: row,
            ...{ failed: 0, held: 0, ...trouble.get(key) },
            ...(own === undefined ? {} : { unread: own }),
          },
        ];
      }),
      ...(isCut && { cut: true }),
      ...rest,
    };
  },
});

/** Recipients that an answer lists. */
const MOST_RECIPIENTS = 2_000;
const MOST_REPLIES = 50;

export const messageDetails = operation({
  name: "message_details",
  isolation: "snapshot",
  by: ["operator"],
  repeatable: "always",
  errors: ["not_found", "ambiguous"],
  doc: "Returns one message as a whole, how it came to each recipient, and its replies.",
  input: z.strictObject({ message_id: messageRef }),
  output: z.object({
    ...messageRow.shape,
    text: z.string().describe("the whole text"),
    recipients: z
      .array(
        receipt.extend({
          attempts: z.int(),
          via: z.enum(deliveryMethods).optional().describe("how its host took it"),
          expires_at: time.optional(),
        }),
      )
      .describe(`at most ${MOST_RECIPIENTS}`),
    replies: z
      .array(z.object({ message_id: z.string(), from_name: z.string(), sent_at: time }))
      .describe(`the first ${MOST_REPLIES}`),
  }),
  async run(context, input) {
    const { sql } = context;
    const message = await messageNamed(context, input.message_id);
    const [preview] = message ? await previewsAt(sql, [message.seq]) : [];
    if (!message || !preview)
      throw new CctError("not_found", `There is no message '${input.message_id}'.`, "Old messages are removed.");
    const [receipts, details, replies] = await together(
      receiptsOf(sql, [message.message_id]),
      detailsOf(sql, message.message_id, MOST_RECIPIENTS),
      repliesTo(sql, message, MOST_REPLIES),
    );
    return {
      ...toMessageRow(preview, receipts.get(message.message_id)),
      text: message.text,
      recipients: details.map(({ via, ...one }) => ({
        attempts: one.attempt,
        ...(via === null ? {} : { via }),
        ...(one.expires_at === null ? {} : { expires_at: one.expires_at }),
        ...toReceipt(one),
      })),
      replies,
    };
  },
});
