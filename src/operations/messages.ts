/** Messages: send, claim, acknowledge, check, and what became of them. */
import * as z from "zod";
import { CctError } from "../errors.ts";
import { parseAddress, resolvePeer } from "../rules/address.ts";
import { acknowledge, claim, newDelivery, outcomes } from "../rules/delivery.ts";
import { type FramedMessage, fitsFrame, fitting } from "../rules/framing.ts";
import { OPERATOR_NAME } from "../rules/names.ts";
import { checkMessageText, checkPlain } from "../rules/text.ts";
import {
  countQueued,
  findDelivery,
  findMessage,
  history,
  insertDelivery,
  insertMessage,
  type Mail,
  type Message,
  queuedMail,
  recipientsOf,
  updateDelivery,
} from "../store/messages.ts";
import { findByNameOrPrefix, listPeers, type Peer } from "../store/peers.ts";
import type { Sql } from "../store/store.ts";
import { type Caller, type Context, callingPeer, operation } from "./operation.ts";
import {
  deliveryShape,
  expectation,
  mailShape,
  messageId,
  recipientShape,
  toDeliveryShape,
  toMailShape,
  urgency,
} from "./shapes.ts";

const sendOutput = z.object({ message_id: z.string(), recipients: z.array(recipientShape) });

export const sendMessage = operation({
  name: "send_message",
  by: ["peer", "operator"],
  cli: "send <to> <text>",
  tool: { title: "Send a message", readOnly: false, idempotent: true, alwaysLoad: true },
  doc: "Sends a message to another session. It is kept until that session takes it; the answer says what to expect. An answer, if one comes, arrives by itself: never poll or wait for it.",
  input: z.strictObject({
    to: z.string().min(1).max(200).describe("a peer's name, or the first 4 or more characters of its id"),
    text: z.string().describe("up to 64 KiB"),
    urgency: urgency.optional().describe("normal (default); interrupt stops its next tool call; low never wakes it"),
    reply_to: messageId.optional().describe("the message_id that this answers"),
    thread_id: z.string().min(1).max(64).optional(),
    expires_in_seconds: z.int().min(1).max(31_536_000).optional().describe("dropped if still unread by then"),
    message_id: messageId.optional().describe("makes a repeated send harmless: the first answer comes again"),
  }),
  output: sendOutput,
  async run(context, input) {
    const { sql, caller, now } = context;
    checkMessageText(input.text);
    if (input.thread_id !== undefined) checkPlain("thread_id", input.thread_id);
    const from = senderOf(caller);
    const id = input.message_id ?? context.newMessageId();
    const before = await findMessage(sql, id);
    if (before) return firstAnswer(before, from.from_id, input);

    const parent = input.reply_to === undefined ? undefined : await findMessage(sql, input.reply_to);
    if (input.reply_to !== undefined && !parent) {
      throw new CctError(
        "not_found",
        `There is no message '${input.reply_to}' to reply to.`,
        "Leave reply_to out, or use the id shown with the message.",
      );
    }
    const recipient = await recipientFor(sql, input.to);
    if (recipient.peer_id === from.from_id) {
      throw new CctError("bad_request", `'${input.to}' is this session itself.`, "See list_peers for the others.");
    }
    const message: Message = {
      ...from,
      message_id: id,
      seq: context.nextSeq(),
      to_address: input.to.trim(),
      thread_id: input.thread_id ?? parent?.thread_id ?? id,
      reply_to: input.reply_to ?? null,
      urgency: input.urgency ?? "normal",
      text: input.text,
      sent_at: now,
      expires_at: input.expires_in_seconds === undefined ? null : now + input.expires_in_seconds * 1000,
      hops: parent ? parent.hops + 1 : 0,
    };
    const delivery = newDelivery(message.expires_at);
    const note = expectation(recipient, delivery.state, message.urgency, now);
    const answer: z.input<typeof sendOutput> = {
      message_id: id,
      recipients: [
        {
          peer_id: recipient.peer_id,
          name: recipient.name,
          state: delivery.state,
          ...(note === undefined ? {} : { note }),
        },
      ],
    };
    await insertMessage(sql, message, JSON.stringify(answer));
    await insertDelivery(sql, message, recipient.peer_id, delivery);
    context.emit({ peer_id: recipient.peer_id, about: "mail" });
    return answer;
  },
});

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
      "Make a new one for every message.",
    );
  }
  return sendOutput.parse(JSON.parse(before.answer));
}

async function recipientFor(sql: Sql, to: string): Promise<Peer> {
  const address = parseAddress(to);
  if (address.kind !== "peer") {
    throw new CctError("not_found", `There is no pool '@${address.pool}'.`, "Send to a peer; see list_peers.");
  }
  const candidates = await findByNameOrPrefix(sql, address.peer);
  // Only for the error's text is the whole list worth reading.
  return resolvePeer(address.peer, candidates.length > 0 ? candidates : await listPeers(sql));
}

/** What the framing of a message depends on. */
function framed(mail: Mail): FramedMessage {
  return {
    message_id: mail.message_id,
    from: mail.from_id,
    from_name: mail.from_name,
    urgency: mail.urgency,
    text: mail.text,
    sent_at: mail.sent_at,
    reply_to: mail.reply_to ?? undefined,
    redelivered: mail.delivery.redelivered,
  };
}

async function claimAll(sql: Sql, now: number, mail: readonly Mail[]): Promise<Mail[]> {
  const claimed: Mail[] = [];
  for (const one of mail) {
    const next = claim(one.delivery, now);
    if (!next) continue;
    const delivery = { ...one.delivery, ...next };
    await updateDelivery(sql, delivery);
    claimed.push({ ...one, delivery });
  }
  return claimed;
}

/** Never more than this is looked at in one claim. */
const CLAIM_WINDOW = 100;

export const claimMessages = operation({
  name: "claim_messages",
  by: ["peer"],
  doc: "Leases waiting mail to the peer's session server, in order, as much as fits a frame of `budget` characters. The lease is renewed by heartbeats; when it lapses the mail is queued again, marked redelivered. Mail that fits no frame is only named.",
  input: z.strictObject({
    limit: z.int().min(1).max(CLAIM_WINDOW),
    budget: z.int().min(0).max(100_000).describe("characters that the frame has left"),
  }),
  output: z.object({
    messages: z.array(mailShape),
    remaining: z.int().describe("queued besides these"),
    interrupts: z.int().describe("how many of the remaining are urgent"),
    too_long: z.array(
      z.object({ message_id: z.string(), from: z.string(), from_name: z.string(), urgency, characters: z.int() }),
    ),
  }),
  async run(context, input) {
    const { sql, now } = context;
    const peer = callingPeer(context);
    const queued = (await queuedMail(sql, peer.peer_id, now, CLAIM_WINDOW)).map((mail) => ({ ...framed(mail), mail }));
    const tooLong = queued.filter((one) => !fitsFrame(one));
    const fit = fitting(queued.filter(fitsFrame).slice(0, input.limit), input.budget);
    const messages = await claimAll(
      sql,
      now,
      fit.map((one) => one.mail),
    );
    const left = await countQueued(sql, peer.peer_id, now);
    return {
      messages: messages.map(toMailShape),
      remaining: left.all,
      interrupts: left.interrupt,
      too_long: tooLong.map(({ message_id, from, from_name, mail }) => ({
        message_id,
        from,
        from_name,
        urgency: mail.urgency,
        characters: mail.text.length,
      })),
    };
  },
});

export const ackMessages = operation({
  name: "ack_messages",
  by: ["peer"],
  doc: "Says what became of claims: delivered (the host took the text), read (the model answered with it in view), returned (shown to nobody), lost (perhaps shown). An acknowledgement of an older attempt changes nothing.",
  input: z.strictObject({
    acks: z
      .array(z.object({ message_id: messageId, attempt: z.int().min(1), outcome: z.enum(outcomes) }))
      .min(1)
      .max(500),
  }),
  output: z.object({
    acknowledged: z.int(),
    stale: z.int().describe("changed nothing: an older attempt, or settled before"),
  }),
  async run(context, input) {
    const { sql, now } = context;
    const peer = callingPeer(context);
    let acknowledged = 0;
    for (const ack of input.acks) {
      const delivery = await findDelivery(sql, ack.message_id, peer.peer_id);
      const next = delivery && acknowledge(delivery, ack.attempt, ack.outcome, now);
      if (!delivery || !next) continue;
      await updateDelivery(sql, { ...delivery, ...next });
      acknowledged++;
    }
    return { acknowledged, stale: input.acks.length - acknowledged };
  },
});

/** Text that one answer carries at the most, beyond the first message: the host cuts long tool results. */
const CHECK_CHARACTERS = 40_000;

export const checkMessages = operation({
  name: "check_messages",
  by: ["peer"],
  tool: { title: "Check messages", readOnly: false, idempotent: false, alwaysLoad: true },
  doc: "Takes the messages that wait for this session. Mail arrives by itself, so call this only when a mail notice says that more is waiting or a message was too long.",
  input: z.strictObject({
    limit: z.int().min(1).max(CLAIM_WINDOW).optional().describe("20 when left out"),
  }),
  output: z.object({ messages: z.array(mailShape), remaining: z.int().describe("still waiting after these") }),
  async run(context, input) {
    const { sql, now } = context;
    const peer = callingPeer(context);
    const queued = await queuedMail(sql, peer.peer_id, now, input.limit ?? 20);
    let characters = 0;
    const fit = queued.filter((mail, i) => {
      characters += mail.text.length;
      return i === 0 || characters <= CHECK_CHARACTERS;
    });
    const messages = await claimAll(sql, now, fit);
    return { messages: messages.map(toMailShape), remaining: (await countQueued(sql, peer.peer_id, now)).all };
  },
});

export const messageStatus = operation({
  name: "message_status",
  by: ["peer", "operator"],
  cli: "message <message_id>",
  tool: { title: "Message status", readOnly: true, idempotent: true },
  doc: "Tells what became of a message, for each recipient: queued, claimed, delivered (its host took the text), read (its model answered with the text in view), expired.",
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
    return { message_id, from_name, to: to_address, sent_at, recipients: recipients.map(toDeliveryShape) };
  },
});

function mayKnow({ caller }: Context, message: Message, recipients: readonly { peer_id: string }[]): boolean {
  if (caller.kind !== "peer") return true;
  const me = caller.peer.peer_id;
  return message.from_id === me || recipients.some((recipient) => recipient.peer_id === me);
}

export const messages = operation({
  name: "messages",
  by: ["peer", "operator"],
  cli: "messages",
  doc: "The history of messages, newest first: all of them for the operator, its own for a peer.",
  input: z.strictObject({
    peer: z.string().min(1).max(200).optional().describe("only what this peer sent or received"),
    limit: z.int().min(1).max(500).optional().describe("50 when left out"),
    before: z.int().min(1).optional().describe("only messages older than this seq, to page back"),
  }),
  output: z.object({
    messages: z.array(
      z.object({
        seq: z.int(),
        message_id: z.string(),
        from: z.string(),
        from_name: z.string(),
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
      ...(input.peer === undefined ? [] : [(await recipientFor(sql, input.peer)).peer_id]),
    ];
    const found = await history(sql, whose, before, input.limit ?? 50);
    const deliveries = await recipientsOf(
      sql,
      found.map((message) => message.message_id),
    );
    return {
      messages: found.map((m) => ({
        seq: m.seq,
        message_id: m.message_id,
        from: m.from_id,
        from_name: m.from_name,
        to: m.to_address,
        urgency: m.urgency,
        text: m.text,
        sent_at: m.sent_at,
        thread_id: m.thread_id,
        ...(m.reply_to === null ? {} : { reply_to: m.reply_to }),
        recipients: deliveries.filter((d) => d.message_id === m.message_id).map(toDeliveryShape),
      })),
    };
  },
});
