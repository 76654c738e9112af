/** The row of a message in lists for people: its beginning, and what became of it. */
import * as z from "zod";
import { deliveryStates } from "../../rules/delivery.ts";
import { NAMED_RECIPIENTS, PREVIEW_CHARACTERS, type Preview, type Receipts, receiptsOf } from "../../store/previews.ts";
import type { RecipientRow } from "../../store/recipients.ts";
import type { Sql } from "../../store/store.ts";
import { time, urgency } from "./shapes.ts";

export const receipt = z.object({
  peer_id: z.string(),
  name: z.string(),
  state: z.enum(deliveryStates),
  redelivered: z.boolean().optional(),
  delivered_at: time.optional(),
  read_at: time.optional(),
  reason: z.string().optional().describe("why it ended unread"),
});

export const toReceipt = (row: RecipientRow): z.input<typeof receipt> => ({
  peer_id: row.peer_id,
  name: row.name,
  state: row.state,
  ...(row.redelivered ? { redelivered: true } : {}),
  ...(row.delivered_at === null ? {} : { delivered_at: row.delivered_at }),
  ...(row.read_at === null ? {} : { read_at: row.read_at }),
  ...(row.reason === null ? {} : { reason: row.reason }),
});

const receiptFields = {
  states: z.partialRecord(z.enum(deliveryStates), z.int()).describe("its recipients, by state"),
  recipients: z
    .array(receipt)
    .describe(`the first ${NAMED_RECIPIENTS} of them; what ended unread or is held comes first`),
};

export const toReceipts = (of: Receipts | undefined) => ({
  states: of?.states ?? {},
  recipients: (of?.recipients ?? []).map(toReceipt),
});

export const receiptsShape = z.object(receiptFields);

const head = {
  seq: z.int(),
  message_id: z.string(),
  from: z.string().describe("peer_id, 'operator' or a device_id for a person, or 'cct' for reports of the broker"),
  from_name: z.string(),
  to: z.string().describe("the address as it was written"),
  to_id: z.string().optional().describe("whom a direct message is for"),
  pool_id: z.string().optional(),
  pool: z.string().optional().describe("the name of its pool"),
  thread_id: z.string(),
  reply_to: z.string().optional(),
  urgency,
};

export const messageRow = z.object({
  ...head,
  text: z.string().describe(`the first ${PREVIEW_CHARACTERS} characters`),
  characters: z.int().describe("of the whole text"),
  sent_at: time,
  ...receiptFields,
});

export const toMessageRow = (m: Preview, of: Receipts | undefined): z.input<typeof messageRow> => ({
  seq: m.seq,
  message_id: m.message_id,
  from: m.from_id,
  from_name: m.from_name,
  to: m.to_address,
  ...(m.pool_id === null ? { to_id: m.target } : { pool_id: m.pool_id, pool: m.pool ?? "" }),
  thread_id: m.thread_id,
  ...(m.reply_to === null ? {} : { reply_to: m.reply_to }),
  urgency: m.urgency,
  text: m.text.toWellFormed(),
  characters: m.characters,
  sent_at: m.sent_at,
  ...toReceipts(of),
});

/** The rows of these messages, in their order. */
export async function messageRows(sql: Sql, previews: readonly Preview[]): Promise<z.input<typeof messageRow>[]> {
  const receipts = await receiptsOf(
    sql,
    previews.map(({ message_id }) => message_id),
  );
  return previews.map((one) => toMessageRow(one, receipts.get(one.message_id)));
}
