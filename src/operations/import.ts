/** Stores messages of an export as history: nothing of them is delivered. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { deliveryStates } from "../rules/delivery.ts";
import { OPERATOR_NAME } from "../rules/names.ts";
import { isFinal } from "../rules/retention.ts";
import { checkMessageText, checkPlainText } from "../rules/text.ts";
import { freeSeq, insertEnded, insertFormer, knownMessages } from "../store/import.ts";
import { insertMessage } from "../store/messages.ts";
import { findPool } from "../store/pools.ts";
import { type Context, operation } from "./core/operation.ts";
import { mailboxOfPerson } from "./support/people.ts";
import { messageId, urgency } from "./support/shapes.ts";
import { indexAmong } from "./support/word-index.ts";

/** Messages of one call. */
const MAX_MESSAGES = 50;
/** What a row of a peer says of its machine that is only known from an export. */
const IMPORTED = "imported";

const id = z.string().regex(/^[0-9a-z-]{1,64}$/i, "must be 1 to 64 letters, digits or '-'");
const name = z.string().min(1).max(200);
const at = z.int().min(0);

const importedMessage = z.object({
  message_id: messageId,
  seq: z.int().min(1),
  from: id,
  from_name: name,
  to: name,
  pool_id: id.optional(),
  urgency,
  text: z.string(),
  sent_at: at,
  expires_at: at.optional(),
  thread_id: z.string().min(1).max(64),
  reply_to: messageId.optional(),
  recipients: z
    .array(
      z.object({
        peer_id: id,
        name,
        state: z.enum(deliveryStates),
        attempts: z.int().min(0),
        redelivered: z.boolean(),
        delivered_at: at.nullable(),
        read_at: at.nullable(),
        reason: z.string().max(1000).optional(),
      }),
    )
    .max(10_000),
});
type Imported = z.output<typeof importedMessage>;

export const importMessages = operation({
  name: "import_messages",
  by: ["operator"],
  repeatable: "always",
  cost: 10,
  doc: "Stores messages of an export as history, for `cct import`. What is there already is left as it is. Nothing is delivered: mail that waited when it was exported counts as expired.",
  input: z.strictObject({ messages: z.array(importedMessage).min(1).max(MAX_MESSAGES) }),
  output: z.object({
    imported: z.int(),
    known: z.int().describe("messages that were there already"),
  }),
  async run(context, { messages }) {
    const known = await knownMessages(
      context.sql,
      messages.map((one) => one.message_id),
    );
    let imported = 0;
    for (const message of messages) {
      if (known.has(message.message_id)) continue;
      known.add(message.message_id);
      await store(context, message);
      imported++;
    }
    return { imported, known: messages.length - imported };
  },
});

async function store(context: Context, given: Imported): Promise<void> {
  const { sql, confirmed } = context;
  checkMessageText(given.text);
  for (const field of ["from_name", "to", "thread_id"] as const) checkPlainText(field, given[field]);
  // A number of the future would stay the highest for ever.
  if (given.sent_at > confirmed || given.seq > (confirmed + 1) * 1000)
    throw new CctError("bad_request", "The message is from the future.", "Check the clocks of both machines.");
  const seq = await freeSeq(sql, given.seq);
  const { message_id, text, recipients } = given;
  const pool = given.pool_id === undefined ? undefined : await findPool(sql, given.pool_id);
  const message = {
    message_id,
    seq,
    from_id: given.from,
    from_name: given.from_name,
    to_address: given.to,
    thread_id: given.thread_id,
    reply_to: given.reply_to ?? null,
    urgency: given.urgency,
    text,
    sent_at: given.sent_at,
    expires_at: given.expires_at ?? null,
    hops: 0,
    // Only of this very pool: members of another one with its name must not read what was said here.
    pool_id: pool?.pool_id ?? null,
    target: pool?.pool_id ?? recipients[0]?.peer_id ?? "",
  };
  await insertMessage(sql, message, { cause: null, charge: 0 }, "");
  await indexAmong(sql, message);
  // What is sent from now on is behind it.
  context.nextSeq(seq);
  for (const one of new Map(recipients.map((each) => [each.peer_id, each])).values()) {
    checkPlainText("name", one.name);
    if (one.peer_id === OPERATOR_NAME) await mailboxOfPerson(sql, OPERATOR_NAME, context.now);
    else await insertFormer(sql, one.peer_id, one.name, IMPORTED, context.now);
    const ended = isFinal(one);
    await insertEnded(
      sql,
      {
        message_id,
        peer_id: one.peer_id,
        seq,
        state: ended ? one.state : "expired",
        attempt: one.attempts,
        leased_at: null,
        redelivered: one.redelivered,
        lost: 0,
        delivered_at: one.delivered_at,
        read_at: one.read_at,
        expires_at: null,
        reason: ended ? (one.reason ?? null) : `imported: it was ${one.state} when it was exported`,
      },
      text.length,
    );
  }
}
