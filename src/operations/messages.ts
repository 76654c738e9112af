/** Sending messages, and resending those that ended unread. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { parseAddress } from "../rules/address.ts";
import { type Delivery, newDelivery, policyFor, sendAgain } from "../rules/delivery.ts";
import { trippedGuard } from "../rules/guards.ts";
import { OPERATOR_NAME } from "../rules/names.ts";
import {
  broadcastRecipients,
  membersOf,
  requireActiveMember,
  requireMember,
  requireNotArchived,
  visibilityOf,
} from "../rules/pools.ts";
import { hasRoom } from "../rules/quotas.ts";
import { checkMessageText, checkPlainText } from "../rules/text.ts";
import { findMessage, type Message, recipientsOf } from "../store/messages.ts";
import type { Peer } from "../store/peers.ts";
import { policiesOf } from "../store/policies.ts";
import { findPool } from "../store/pools.ts";
import type { Sql } from "../store/store.ts";
import { together } from "../store/together.ts";
import { lastSentBy } from "../store/usage.ts";
import { type Caller, type Context, operation } from "./core/operation.ts";
import { guardError, mailboxFor, recentSends } from "./support/charging.ts";
import { mayKnow, seenBy } from "./support/may-read.ts";
import { recordDelivery } from "./support/outcomes.ts";
import { fullError, postMessage, viewsOf } from "./support/post.ts";
import { addressFormatter, memberNamed, peerNamed, peopleOf, poolNamed, viewerOf } from "./support/references.ts";
import { deliveryShape, messageId, recipientShape, toDeliveryShape, urgency } from "./support/shapes.ts";

const sendOutput = z.object({
  message_id: z.string(),
  recipients: z.array(recipientShape),
  kept: z
    .string()
    .optional()
    .describe("only from an outbox: the message is NOT confirmed yet; where it is kept, and until when"),
});

export const sendMessage = operation({
  name: "send_message",
  isolation: "inserts",
  by: ["peer", "operator"],
  repeatable: "with message_id",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "send <to> <text>",
  example: 'send api "the branch is form-2" --wait read',
  tool: { title: "Send a message", readOnly: false, alwaysLoad: true },
  doc: "Sends a message to another session, or to all members of a pool. It is kept until they take it; the answer says what to expect of each. A reply, if one comes, arrives by itself: never poll or wait for it.",
  input: z.strictObject({
    to: z
      .string()
      .min(1)
      .max(200)
      .describe(
        "a peer's name (or name@host) or the first 4 or more characters of its id; @pool for all its members; @pool/peer for one",
      ),
    text: z.string().describe("up to 64 KiB"),
    urgency: urgency.optional().describe("normal (default); interrupt stops its next tool call; low never wakes it"),
    reply_to: messageId.optional().describe("the message_id that this replies to"),
    thread_id: z.string().min(1).max(64).optional(),
    expires_in_seconds: z.int().min(1).max(31_536_000).optional().describe("dropped if still unread by then"),
    allow_secrets: z
      .boolean()
      .optional()
      .describe("send although the text seems to contain a key: only when the user wants that"),
    message_id: messageId.optional().describe("makes a repeated send harmless: the first answer comes again"),
  }),
  output: sendOutput,
  async run(context, input) {
    const { sql, caller, now } = context;
    checkMessageText(input.text);
    if (input.thread_id !== undefined) checkPlainText("thread_id", input.thread_id);
    const from = senderOf(caller);
    const id = input.message_id ?? context.newMessageId();
    const [before, parent, addressed] = await together(
      input.message_id === undefined ? undefined : findMessage(sql, id),
      input.reply_to === undefined ? undefined : findMessage(sql, input.reply_to),
      outcomeOf(recipientsFor(context, input.to)),
    );
    // A repeated send gets its first answer, also if it would fail now.
    if (before) return firstAnswer(before, from.from_id, input);
    if (input.reply_to !== undefined && !(parent && (await mayAnswer(context, parent)))) {
      throw new CctError(
        "not_found",
        `There is no message '${input.reply_to}' that you can reply to.`,
        "Leave reply_to out, or use the id shown with the message.",
      );
    }
    const { recipients, pool_id } = addressed();
    if (recipients.some((peer) => peer.peer_id === from.from_id)) {
      throw new CctError("bad_request", `'${input.to}' is this session itself.`, "See list_peers for the others.");
    }
    const hops = parent ? parent.hops + 1 : 0;
    const target = pool_id !== null ? pool_id : (recipients[0]?.peer_id ?? "");
    const [last, views] = await together(
      caller.kind === "peer"
        ? checkGuards(context, caller.peer, { ...input, target, hops })
        : // With bounds there is one broker, which counts up from the highest number in the database.
          context.bounds
          ? 0
          : lastSentBy(sql, from.from_id),
      viewsOf(context, recipients, from.from_id, pool_id),
    );
    const message: Message = {
      ...from,
      message_id: id,
      // Above the sender's last message and above the message it replies to, whichever brokers they went through.
      seq: context.nextSeq(Math.max(last, parent?.seq ?? 0)),
      to_address: input.to.trim(),
      thread_id: input.thread_id ?? parent?.thread_id ?? id,
      reply_to: input.reply_to ?? null,
      urgency: input.urgency ?? "normal",
      text: input.text,
      sent_at: now,
      expires_at: input.expires_in_seconds === undefined ? null : now + input.expires_in_seconds * 1000,
      hops,
      pool_id,
      target,
    };
    return {
      message_id: id,
      recipients: await postMessage(context, message, recipients, {
        answer: (all) => JSON.stringify({ message_id: id, recipients: all }),
        format: await addressFormatter(sql, caller),
        views,
      }),
    };
  },
});

/** A function that returns the result, or throws the error. */
const outcomeOf = <T>(result: Promise<T>): Promise<() => T> =>
  result.then(
    (value) => () => value,
    (error: unknown) => () => {
      throw error;
    },
  );

/** Throws `rate_limited` when a guard against loops and floods trips, and notes it for the operator. Returns the seq of the last message sent. */
async function checkGuards(
  context: Context,
  me: Peer,
  { to, text, target, hops }: { to: string; text: string; target: string; hops: number },
): Promise<number> {
  const sent = await recentSends(context, me.peer_id, { target, text });
  const tripped = trippedGuard(context.limits, sent, hops, to, context.now);
  if (!tripped) return sent.last_seq;
  throw guardError(tripped, me.name, to);
}

/** The recipients that an address means for this caller. */
async function recipientsFor(context: Context, to: string): Promise<{ recipients: Peer[]; pool_id: string | null }> {
  const { sql, caller } = context;
  const address = parseAddress(to);
  if (address.kind === "peer") return { recipients: [await peerNamed(sql, address.peer)], pool_id: null };
  const pool = await poolNamed(sql, address.pool, caller);
  requireNotArchived(pool);
  const me = caller.kind === "peer" ? caller.peer.peer_id : OPERATOR_NAME;
  // A released member may still write to single members, to hand over its work.
  if (caller.kind === "peer") (address.kind === "pool" ? requireActiveMember : requireMember)(pool, me);
  const { peer } = await peopleOf(context, pool);
  const members =
    address.kind === "pool"
      ? broadcastRecipients(pool, me)
      : [memberNamed(pool.name, membersOf(pool), address.peer, peer)];
  if (members.length === 0) {
    throw new CctError("conflict", `Nobody else is in @${pool.name}.`, "Invite somebody: invite_to_pool.");
  }
  return { recipients: members.flatMap((member) => peer(member.peer_id) ?? []), pool_id: pool.pool_id };
}

function senderOf(caller: Caller): { from_id: string; from_name: string } {
  if (caller.kind === "peer") return { from_id: caller.peer.peer_id, from_name: caller.peer.name };
  return { from_id: OPERATOR_NAME, from_name: OPERATOR_NAME };
}

function firstAnswer(
  before: Message & { answer: string },
  fromId: string,
  input: { to: string; text: string },
): z.input<typeof sendOutput> {
  if (before.from_id !== fromId || before.text !== input.text || before.to_address !== input.to.trim()) {
    throw new CctError(
      "conflict",
      `The message_id '${before.message_id}' belongs to another message.`,
      "Make a new one for each message.",
    );
  }
  return sendOutput.parse(JSON.parse(before.answer));
}

export const resendMessage = operation({
  name: "resend_message",
  by: ["peer", "operator"],
  repeatable: "never",
  errors: ["not_found", "conflict"],
  cli: "resend <message_id>",
  example: "resend 01a21529-b89e-7ea7-8b80-7a214ad570c5",
  doc: "Sends a message again that ended unread: dead, expired or refused. Its deadline no longer applies. For its sender and the operator.",
  input: z.strictObject({ message_id: messageId }),
  output: z.object({ message_id: z.string(), recipients: z.array(deliveryShape) }),
  async run(context, { message_id }) {
    const { sql, caller } = context;
    const message = await findMessage(sql, message_id);
    if (!message || (caller.kind === "peer" && message.from_id !== caller.peer.peer_id)) {
      throw new CctError("not_found", `There is no message '${message_id}' that you sent.`, "See: cct messages --dead");
    }
    if (caller.kind === "peer" && message.pool_id !== null) {
      const pool = await findPool(sql, message.pool_id);
      if (pool) requireActiveMember(pool, caller.peer.peer_id);
    }
    let revived = 0;
    let full: CctError | undefined;
    for (const row of await recipientsOf(sql, [message_id])) {
      const again = sendAgain(row);
      if (!again || row.isRemoved) continue;
      const next = caller.kind === "peer" ? await asPolicySays(sql, message, row.peer_id, again) : again;
      if (next.state === "refused") continue;
      const box = await mailboxFor(context, row.peer_id, caller.kind === "peer" ? caller.peer.peer_id : null);
      if (!hasRoom(box, caller.kind === "peer" ? "peer" : "operator", context.limits.mailbox_messages)) {
        full ??= fullError(row, box);
        continue;
      }
      await recordDelivery(context, row, next);
      context.emit({ peer_id: row.peer_id, about: "mail" });
      revived++;
    }
    if (revived === 0 && full) throw full;
    if (revived === 0) {
      throw new CctError(
        "conflict",
        "No delivery of this message ended unread at a recipient that accepts it.",
        "See: cct message <message_id>",
      );
    }
    const call = await addressFormatter(sql, caller);
    const recipients = (await recipientsOf(sql, [message_id])).map((row) => toDeliveryShape(row, call));
    return { message_id, recipients };
  },
});

/** Applies the recipient's policy again: resending does not get around it. */
async function asPolicySays(sql: Sql, message: Message, recipientId: string, next: Delivery): Promise<Delivery> {
  const policy = policyFor(await policiesOf(sql, recipientId), message.from_id, message.pool_id);
  const { state, reason } = newDelivery(null, policy);
  return { ...next, state, reason };
}

/** Whether the caller may reply to a message: its sender, its recipients, and everyone who may read it in its pool. */
async function mayAnswer(context: Context, message: Message): Promise<boolean> {
  const { sql, caller } = context;
  if (mayKnow(context, message, await recipientsOf(sql, [message.message_id]))) return true;
  const pool = message.pool_id === null ? undefined : await findPool(sql, message.pool_id);
  if (!pool || visibilityOf(pool, viewerOf(caller)) !== "inside") return false;
  return (await seenBy(context, pool, [message])).length > 0;
}
