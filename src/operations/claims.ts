/** Taking mail: claims (leases), acknowledgements, and checks by a tool. */
import * as z from "zod";
import { COUNT_LIMIT } from "../rules/counted.ts";
import { acknowledge, claim, deliveryMethods, outcomes } from "../rules/delivery.ts";
import { beginningOf, fitsFrame, MAX_NOTICES, takeFitting } from "../rules/framing.ts";
import { wantsQuiet } from "../rules/presence.ts";
import { MAX_CLAIMS, requireBelow } from "../rules/quotas.ts";
import { countClaims, countQueued } from "../store/inbox.ts";
import { findDelivery, type Mail, queuedMail } from "../store/messages.ts";
import type { Peer } from "../store/peers.ts";
import { together } from "../store/together.ts";
import { recordDeliveryMethod } from "../store/usage.ts";
import { type Context, callingPeer, operation } from "./core/operation.ts";
import { canClaimsWake } from "./support/charging.ts";
import { newsFor, tellNews } from "./support/news.ts";
import { recordDelivery, recordOutcome } from "./support/outcomes.ts";
import { changePeer } from "./support/presence.ts";
import { streamReports } from "./support/session-shapes.ts";
import { address, mailShape, messageId, messageRef, toMailShape, urgency } from "./support/shapes.ts";
import { settleClaims } from "./support/streams.ts";

async function claimAll(context: Context, mail: readonly Mail[]): Promise<Mail[]> {
  const { sql, now } = context;
  const claimed: Mail[] = [];
  const [first] = mail;
  if (!first) return claimed;
  const count = await countClaims(sql, first.delivery.peer_id);
  requireBelow(
    count,
    MAX_CLAIMS,
    "This session has too many claims",
    "Acknowledge or return them: ack_messages. Claims that are not renewed lapse by themselves.",
  );
  for (const one of mail.slice(0, MAX_CLAIMS - count)) {
    const next = claim(one.delivery, now);
    if (!next) continue;
    claimed.push({ ...one, delivery: await recordDelivery(context, one.delivery, next) });
  }
  return claimed;
}

/** Maximum number of queued messages that one call considers. */
const CLAIM_WINDOW = 100;

export const claimInput = {
  limit: z.int().min(1).max(CLAIM_WINDOW),
  budget: z.int().min(0).max(100_000).describe("characters left in the frame"),
};

export const claimed = {
  messages: z.array(mailShape),
  remaining: z
    .int()
    .describe(
      `queued besides these, of a busy peer only interrupts, with what is too long; counted to ${COUNT_LIMIT} and what is too long`,
    ),
  interrupts: z.int().describe("of the remaining, how many are interrupts"),
  quiet: z.boolean().describe("the peer is busy: it gets only interrupts"),
  may_wake: z.boolean().describe("false: woken too often within the last hour; only interrupts may wake the peer"),
  too_long: z.array(
    z.object({
      message_id: z.string(),
      from: z.string(),
      from_name: z.string(),
      from_address: address,
      urgency,
      characters: z.int(),
      beginning: z.string().optional().describe("its first lines"),
    }),
  ),
};

export const claimMessages = operation({
  name: "claim_messages",
  isolation: "snapshot",
  durable: false,
  by: ["peer"],
  repeatable: "never",
  doc: "Leases waiting mail to the peer's session server: in order, as much as fits a frame of `budget` characters. Heartbeats renew the lease; when it lapses, the mail is queued again and marked redelivered. Mail too long for any frame is only named. A busy peer gets only interrupts. If nothing waits and the session names its open event stream, the claim stays open: its answer comes over the stream with the next mail.",
  input: z.strictObject({
    ...claimInput,
    streams: streamReports,
  }),
  output: z.object({
    ...claimed,
    answers: z.int().optional().describe("after a recall: number of the last answer that will be ignored"),
  }),
  async run(context, input) {
    const peer = callingPeer(context);
    const { limit, budget, streams = [] } = input;
    const { id, count } = await settleClaims(context, peer.peer_id, streams);
    const { answer } = await takeMail(context, peer, input);
    const stream = streams.find((one) => one.open && one.id === id);
    if (stream?.recall) return { ...answer, answers: count };
    const isEmpty = answer.messages.length + answer.too_long.length + answer.remaining === 0;
    if (stream && isEmpty) context.emit({ peer_id: peer.peer_id, about: "claim", stream: stream.id, limit, budget });
    return answer;
  },
});

/** Claims what fits. `answer`: for the session; `mail`: the same messages with their claims. */
export async function takeMail(context: Context, peer: Peer, input: { limit: number; budget: number }) {
  const { sql, now } = context;
  const which = wantsQuiet(peer, now) ? "interrupt" : "all";
  // What is too long hides what is behind it.
  const look = async () => {
    const first = await queuedMail(sql, peer.peer_id, which, now, input.limit);
    if (first.length < input.limit || first.every((mail) => fitsFrame(toMailShape(mail, peer)))) return first;
    return queuedMail(sql, peer.peer_id, which, now, CLAIM_WINDOW);
  };
  const [mail, news] = await together(look(), newsFor(context, peer));
  const hasNews = which === "all" && mail.length > 0 && (await tellNews(context, peer, news));
  const queued = (hasNews ? await look() : mail).map((mail) => ({
    mail,
    ...toMailShape(mail, peer),
  }));
  const tooLong = queued.filter((one) => !fitsFrame(one));
  const fit = takeFitting(queued.filter(fitsFrame).slice(0, input.limit), input.budget);
  const messages = await claimAll(
    context,
    fit.map((one) => one.mail),
  );
  const rest = queued.filter(({ message_id }) => !messages.some((one) => one.message_id === message_id));
  const left =
    queued.length < input.limit
      ? { all: rest.length, interrupt: rest.filter(({ urgency }) => urgency === "interrupt").length }
      : // Also without what is too long, a count that ended is not below its limit.
        await countQueued(sql, peer.peer_id, now, COUNT_LIMIT + tooLong.length);
  const answer = {
    messages: messages.map((mail) => toMailShape(mail, peer)),
    remaining: which === "all" ? left.all : left.interrupt,
    quiet: which === "interrupt",
    may_wake: await canClaimsWake(context, peer.peer_id),
    interrupts: left.interrupt,
    too_long: tooLong.map(({ message_id, from, from_name, from_address, mail }, i) => ({
      message_id,
      from,
      from_name,
      from_address,
      urgency: mail.urgency,
      characters: mail.text.length,
      ...(i < MAX_NOTICES && { beginning: beginningOf(mail.text) }),
    })),
  };
  return { answer, mail: messages };
}

export const ackMessages = operation({
  name: "ack_messages",
  isolation: "snapshot",
  durable: false,
  by: ["peer"],
  repeatable: "always",
  doc: "Reports the outcome of claims: delivered (the host took the text), read (the model answered with it in view), returned (shown to nobody), lost (perhaps shown). An acknowledgement of an older attempt changes nothing.",
  input: z.strictObject({
    acks: z
      .array(z.object({ message_id: messageId, attempt: z.int().min(1), outcome: z.enum(outcomes) }))
      .min(1)
      .max(500),
    via: z
      .enum(deliveryMethods)
      .optional()
      .describe(
        "how the host took it: by waking, beside a tool call, at the end of a turn, with a prompt, or on request",
      ),
    batch: z.string().min(1).max(64).optional().describe("id of what was shown together"),
    host_pid: z.int().min(1).optional().describe("process id of the host; late reports of a former one change nothing"),
  }),
  output: z.object({
    acknowledged: z.int(),
    stale: z.int().describe("changed nothing: of an older attempt, of a former host, or already settled"),
  }),
  async run(context, input) {
    const { sql, now } = context;
    const peer = callingPeer(context);
    // What that process was shown died with it, and comes again, even if its report was long on its way.
    if (input.host_pid !== undefined && input.host_pid !== peer.host_pid)
      return { acknowledged: 0, stale: input.acks.length };
    let acknowledged = 0;
    let took = false;
    for (const ack of input.acks) {
      const delivery = await findDelivery(sql, ack.message_id, peer.peer_id);
      const next = delivery && acknowledge(delivery, ack.attempt, ack.outcome, now);
      if (!delivery || !next) continue;
      await recordOutcome(context, delivery, next);
      const isShown = next.delivered_at !== null && delivery.delivered_at === null;
      const method = delivery.state === "claimed" && isShown && input.batch ? input.via : undefined;
      if (method) await recordDeliveryMethod(sql, delivery, method, `${peer.peer_id.slice(0, 8)}-${input.batch}`);
      // Without a method the row keeps that of an earlier attempt, which may have been a wake.
      if (isShown && (method ?? "wake") === "wake") context.bounds?.addWake(peer.peer_id);
      if (next.delivered_at !== null) took = true;
      acknowledged++;
    }
    // A tool can hand out mail that cannot be written for hooks.
    const hooks = peer.hooks === "unwritable" ? peer.hooks : "live";
    if (took) await changePeer(context, peer, { ...peer, took_at: now, hooks });
    return { acknowledged, stale: input.acks.length - acknowledged };
  },
});

/** Maximum text in one answer, except for the first message: hosts truncate long tool results. */
const CHECK_CHARACTERS = 20_000;
/** What a message takes besides its text. */
const ENVELOPE_CHARACTERS = 300;

export const checkMessages = operation({
  name: "check_messages",
  isolation: "snapshot",
  durable: false,
  by: ["peer"],
  repeatable: "never",
  tool: {
    title: "Check messages",
    // It takes what is for the reader, and changes nothing of the user's: a host in plan mode need not ask.
    readOnly: true,
    alwaysLoad: true,
    unlisted: ["limit", "page"],
    adds: {
      notice: z.string().optional().describe("with messages: whose words they are"),
      part: z.string().optional().describe("which page of a long message this is, and how to get the next one"),
      warning: z.string().optional().describe("why mail does not arrive by itself now"),
    },
    takes: {
      page: z.int().min(1).optional().describe("of a long message; default: the next"),
      message_id: messageRef.optional().describe("reads a message again that you had"),
    },
  },
  doc: "Takes the mail that waits. It arrives by itself: call this only when mail says that more waits or is too long to show. A long message comes in pages: call again.",
  input: z.strictObject({
    limit: z.int().min(1).max(CLAIM_WINDOW).optional().describe("default 20"),
  }),
  output: z.object({
    messages: z.array(mailShape),
    remaining: z.int().describe(`waiting after these; counted to ${COUNT_LIMIT}`),
  }),
  async run(context, input) {
    const { sql, now } = context;
    const peer = callingPeer(context);
    await tellNews(context, peer, await newsFor(context, peer));
    const queued = await queuedMail(sql, peer.peer_id, "all", now, input.limit ?? 20);
    let characters = 0;
    const fit = queued.filter((mail, i) => {
      characters += mail.text.length + ENVELOPE_CHARACTERS;
      return i === 0 || characters <= CHECK_CHARACTERS;
    });
    const messages = await claimAll(context, fit);
    const { all: remaining } = await countQueued(sql, peer.peer_id, now);
    return { messages: messages.map((mail) => toMailShape(mail, peer)), remaining };
  },
});
