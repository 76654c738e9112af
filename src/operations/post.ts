/** Putting mail into mailboxes: the one place where messages and their deliveries are made. */
import type * as z from "zod";
import { newDelivery } from "../rules/delivery.ts";
import { BROKER_NAME } from "../rules/names.ts";
import { insertDelivery, insertMessage, type Message } from "../store/messages.ts";
import type { Peer } from "../store/peers.ts";
import type { Context } from "./operation.ts";
import { expectation, type recipientShape } from "./shapes.ts";

export type Recipient = z.input<typeof recipientShape>;

/** What of the context it takes to post. The clock's own work has that too. */
export type Poster = Pick<Context, "sql" | "now" | "newMessageId" | "nextSeq" | "emit">;

/** Stores a message and its deliveries, and hints to who gets it; `answer` makes what a repeated send is answered. */
export async function post(
  context: Poster,
  message: Message,
  recipients: readonly Peer[],
  answer: (recipients: Recipient[]) => string = () => "",
): Promise<Recipient[]> {
  const { sql, now } = context;
  const told = recipients.map((peer) => {
    const delivery = newDelivery(message.expires_at);
    const note = expectation(peer, delivery.state, message.urgency, now);
    return {
      delivery,
      recipient: { peer_id: peer.peer_id, name: peer.name, state: delivery.state, ...(note && { note }) },
    };
  });
  const all = told.map(({ recipient }) => recipient);
  await insertMessage(sql, message, answer(all));
  for (const { delivery, recipient } of told) {
    await insertDelivery(sql, message, recipient.peer_id, delivery);
    context.emit({ peer_id: recipient.peer_id, about: "mail" });
  }
  return all;
}

/** What the broker reports at low urgency is no use a day later. */
const REPORT_KEPT_MS = 24 * 3_600_000;

export interface Report {
  to: readonly Peer[];
  /** The pool that it is about. */
  pool: { pool_id: string; name: string } | undefined;
  text: string;
  /** `normal` for what somebody has to act on. */
  urgency: "normal" | "low";
}

/** The broker itself tells peers something; told or not, it stands in the pool's history. */
export async function report(context: Poster, { to, pool, text, urgency }: Report): Promise<void> {
  if (to.length === 0 && !pool) return;
  const message_id = context.newMessageId();
  const message: Message = {
    message_id,
    seq: context.nextSeq(),
    from_id: BROKER_NAME,
    from_name: BROKER_NAME,
    // Others read it in the pool's history: what says "you" must say to whom.
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
  };
  await post(context, message, to);
}
