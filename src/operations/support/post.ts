/** Posts messages: the only place where messages and their deliveries are created. */
import type * as z from "zod";
import { type Delivery, isWaiting, newDelivery, type Policy, policyFor } from "../../rules/delivery.ts";
import { grouped } from "../../rules/grouped.ts";
import { chargeOf } from "../../rules/guards.ts";
import { type Mute, muteOf, muteText, underMute } from "../../rules/mutes.ts";
import { BROKER_NAME, isPerson, OPERATOR_NAME } from "../../rules/names.ts";
import type { Change } from "../../rules/news.ts";
import { isLive } from "../../rules/presence.ts";
import {
  hasRoom,
  type Mailbox,
  type MailSource,
  mailbox,
  mailboxFullError,
  mailboxFullText,
  NO_MAIL,
} from "../../rules/quotas.ts";
import { plainName, standIns } from "../../rules/seats.ts";
import { asSeen, expectation } from "../../rules/texts/expectation.ts";
import { insertDeliveries, insertMessage, type Message, withdrawReports } from "../../store/messages.ts";
import { allMutes } from "../../store/mutes.ts";
import { livePeersNear } from "../../store/names.ts";
import { numberNews } from "../../store/news.ts";
import type { Peer } from "../../store/peers.ts";
import { policiesOfAll } from "../../store/policies.ts";
import { indexWords } from "../../store/search.ts";
import { together } from "../../store/together.ts";
import { type Context, NotedError } from "../core/operation.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { mailboxesFor, payerOfReport, wakeable } from "./charging.ts";
import { note } from "./notes.ts";
import type { AddressFormatter } from "./references.ts";
import type { recipientShape } from "./shapes.ts";

export type Recipient = z.input<typeof recipientShape>;

/** What a message is posted with, all optional. */
export interface Posting {
  /** The response to its sender, stored for a repeated send. */
  answer?(recipients: Recipient[]): string;
  /** The addresses of recipients on other machines. */
  format?: AddressFormatter;
  /** For a report: the peer that caused it, and what it is about. */
  cause?: string | null;
  topic?: string | undefined;
  /** What was read of the recipients already. */
  views?: readonly View[];
}

/** A recipient, as a sender finds it. */
interface View {
  peer: Peer;
  box: Mailbox;
  policy: Policy;
  /** What holds it, if the policy does not. */
  mute: Mute | undefined;
  wakes: boolean;
  /** For the only recipient of a message, when it is away: where others are live. */
  instead?: { where: string; peers: Peer[] } | undefined;
}

/** Who pays for a message of this sender; `cause`: who pays for a report. */
const payerOf = (fromId: string, cause: string | null): string | null => (isOwn(fromId) ? cause : fromId);

/** Whether the operator or the broker sends it. */
const isOwn = (fromId: string): boolean => fromId === BROKER_NAME || fromId === OPERATOR_NAME;

/** Reads what decides about a message to each of these recipients. `mayBeMuted`: its sender, or its pool, is marked as muted. */
export async function viewsOf(
  context: TransactionContext,
  recipients: readonly Peer[],
  fromId: string,
  poolId: string | null,
  cause: string | null = null,
  mayBeMuted = false,
): Promise<View[]> {
  const payer = payerOf(fromId, cause);
  const ids = recipients.map((peer) => peer.peer_id);
  const only = poolId === null && fromId !== BROKER_NAME && recipients.length === 1 ? recipients[0] : undefined;
  const [boxes, policies, mutes, awake, instead] = await together(
    mailboxesFor(context, ids, payer),
    // Policies apply to mail from peers only, not from the operator or the broker.
    isOwn(fromId) ? undefined : policiesOfAll(context.sql, ids),
    isOwn(fromId) || !mayBeMuted ? [] : allMutes(context.sql),
    wakeable(context, ids, payer),
    only && !isPerson(only.name) && !isLive(only, context.now) ? liveInstead(context, only, fromId) : undefined,
  );
  const mute = muteOf(mutes, fromId, poolId, context.now);
  return recipients.map((peer) => ({
    peer,
    box: boxes.get(peer.peer_id) ?? mailbox(NO_MAIL),
    ...underMute(policyFor(policies?.get(peer.peer_id) ?? [], fromId, poolId), mute),
    wakes: awake.has(peer.peer_id),
    instead,
  }));
}

/** Who is live near a peer that is away, and is not the sender. */
async function liveInstead({ sql, now }: TransactionContext, away: Peer, fromId: string) {
  const near = await livePeersNear(sql, away, plainName(away));
  return standIns(
    away,
    near.filter((peer) => peer.peer_id !== fromId && isLive(peer, now)),
  );
}

/** More are only counted. */
const MAX_NAMED = 3;

/** `live in the same folder: api-2, api-3 and 2 more` */
function insteadWords({ where, peers }: { where: string; peers: readonly Peer[] }, format: AddressFormatter): string {
  const named = peers.slice(0, MAX_NAMED).map((peer) => format(peer) ?? peer.name);
  const more = peers.length - named.length;
  return `live ${where}: ${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/**
 * Stores a message and its deliveries, charges them to the peer that caused them, and sends hints to the recipients. For a full
 * mailbox the delivery is `refused`, with the reason. Throws `rate_limited` and stores nothing if all mailboxes are full.
 */
export async function postMessage(
  context: TransactionContext,
  message: Message,
  recipients: readonly Peer[],
  { answer = () => "", format = () => undefined, cause = null, topic, views }: Posting = {},
): Promise<Recipient[]> {
  const { sql, now } = context;
  const all: Recipient[] = [];
  const deliveries = [];
  const source = sourceOf(message);
  const payer = payerOf(message.from_id, cause);
  const full: [Peer, Mailbox][] = [];
  const seen = views ?? (await viewsOf(context, recipients, message.from_id, message.pool_id, cause));
  for (const { peer, box, policy, mute, wakes, instead } of seen) {
    const address = format(peer);
    if (!hasRoom(box, source, context.limits.mailbox_messages)) {
      full.push([peer, box]);
      const reason = mailboxFullText(peer.name, box);
      all.push({
        peer_id: peer.peer_id,
        name: peer.name,
        ...(address && { address }),
        state: "refused",
        note: `${reason}; send it again later`,
      });
      // Reports of the broker stay in the pool's history, so they need no refused delivery, only a note to the operator.
      if (source === "peer") deliveries.push({ peer, delivery: refusedFor(reason, message.expires_at), held_by: null });
      else await noteFull(context, peer, box);
      continue;
    }
    const delivery = newDelivery(message.expires_at, policy);
    const expected = mute
      ? muteText(mute, /^@([^/]+)/.exec(message.to_address)?.[1])
      : expectation(asSeen(peer, now), delivery.state, message.urgency, now, wakes);
    const note = expected && instead ? `${expected}; ${insteadWords(instead, format)}` : expected;
    all.push({
      peer_id: peer.peer_id,
      name: peer.name,
      ...(address && { address }),
      state: delivery.state,
      ...(note && { note }),
    });
    deliveries.push({ peer, delivery, held_by: mute?.source ?? null });
  }
  const [firstFull] = full;
  if (source === "peer" && firstFull && full.length === recipients.length) throw fullError(...firstFull);
  for (const [peer, box] of source === "peer" ? full : []) await noteFull(context, peer, box);
  const charge = chargeOf(source, recipients.length);
  await insertMessage(sql, message, { cause, charge }, answer(all));
  // In order, the words of many messages are added at once, and a search reads the texts of the others until then.
  if (!context.isInOrder) await indexWords(sql, message);
  context.bounds?.addSent(cause ?? message.from_id, charge, cause === null ? message : undefined, now);
  context.count({ what: "sent", seq: message.seq });
  for (const alike of grouped(
    deliveries,
    (one) => `${one.delivery.state} ${one.held_by} ${one.delivery.reason}`,
  ).values()) {
    const ids = alike.map(({ peer }) => peer.peer_id);
    const [first] = alike;
    if (first)
      await insertDeliveries(sql, message, ids, {
        payer,
        topic: topic ?? null,
        held_by: first.held_by,
        ...first.delivery,
      });
  }
  for (const { peer, delivery } of deliveries) {
    if (isWaiting(delivery)) context.bounds?.addWaiting(peer.peer_id, message.text.length);
    const { message_id, seq } = message;
    const after = { message_id, seq, peer_id: peer.peer_id, ...delivery };
    context.count({ what: "delivery", before: undefined, after });
    context.emit({ peer_id: peer.peer_id, about: "mail" });
    // Its mail waits for somebody to look.
    if (peer.hooks !== "live") context.changed({ what: "attention" });
  }
  return all;
}

type Named = Pick<Peer, "peer_id" | "name">;

function sourceOf({ from_id, urgency }: Message): MailSource {
  if (from_id === OPERATOR_NAME) return "operator";
  if (from_id !== BROKER_NAME) return "peer";
  return urgency === "low" ? "report" : "task";
}

function refusedFor(reason: string, expiresAt: number | null): Delivery {
  return { ...newDelivery(expiresAt, "refuse"), reason };
}

/** Notes a full mailbox for the operator. */
async function noteFull(
  context: Pick<Context, "sql" | "now" | "newId" | "changed">,
  peer: Named,
  box: Mailbox,
): Promise<void> {
  await note(
    context,
    `full ${peer.peer_id}`,
    `${mailboxFullText(peer.name, box)}. Its senders are told. See: cct ${isPerson(peer.name) ? "inbox" : "peers"}`,
  );
}

/** The error when every recipient's mailbox is full. */
export function fullError(peer: Named, box: Mailbox): NotedError {
  const { code, message, hint } = mailboxFullError(peer.name, box);
  return new NotedError(code, message, hint, (context) => noteFull(context, peer, box));
}

/** Low-urgency reports of the broker expire after a day. */
export const REPORT_KEPT_MS = 24 * 3_600_000;

export interface Report {
  to: readonly Peer[];
  /** The pool that the report is about. */
  pool: { pool_id: string; name: string } | undefined;
  text: string;
  /** `normal` when a recipient has to act on it. */
  urgency: "normal" | "low";
  /** What it is about (`rules/topics.ts`): it replaces an earlier report on the same topic that still waits. */
  topic?: string | undefined;
  /** The change of a membership of its pool that it tells. The members read it with their next mail. */
  news?: { about: string; change: Change };
  /**
   * The peer that it is charged to when it is about something that this peer did before, and that was admitted then. By
   * default it is charged to the caller, whose call is refused when it causes too much.
   */
  cause?: string;
}

/** Sends a report from the broker itself. It is in the pool's history even when nobody receives it. */
export async function report(context: TransactionContext, given: Report): Promise<void> {
  const { to, pool, text, urgency, topic } = given;
  if (to.length === 0 && !pool) return;
  const cause = given.cause ?? (await payerOfReport(context));
  if (topic !== undefined) {
    const all = to.map((peer) => peer.peer_id);
    await withdrawReports(context.sql, topic, all);
  }
  const message_id = context.newMessageId();
  const message: Message = {
    message_id,
    seq: context.nextSeq(),
    from_id: BROKER_NAME,
    from_name: BROKER_NAME,
    // Other members read it in the history, so a text that says "you" needs an addressee.
    to_address: pool
      ? `@${pool.name}${urgency === "normal" && to.length === 1 ? `/${to[0]?.name}` : ""}`
      : to
          .map((peer) => peer.name)
          .join(", ")
          .slice(0, 200),
    thread_id: message_id,
    reply_to: null,
    urgency,
    text,
    sent_at: context.now,
    expires_at: urgency === "low" ? context.now + REPORT_KEPT_MS : null,
    hops: 0,
    pool_id: pool?.pool_id ?? null,
    target: pool?.pool_id ?? to[0]?.peer_id ?? "",
  };
  await postMessage(context, message, to, { cause, topic });
  if (pool && given.news) await numberNews(context.sql, pool.pool_id, message_id, given.news.about, given.news.change);
}
