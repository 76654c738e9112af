/** Shapes that several operations share, and how stored rows become them. */
import * as z from "zod";
import { type DeliveryState, states, urgencies } from "../rules/delivery.ts";
import { isLive, presenceOf, presences } from "../rules/presence.ts";
import type { Mail, RecipientRow } from "../store/messages.ts";
import type { Peer } from "../store/peers.ts";

export const messageId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{8,64}$/, "a message_id is 8 to 64 letters, digits, '-' or '_' (a UUID, best of version 7)");

export const urgency = z.enum(urgencies);

const time = z.int().describe("milliseconds since 1970");

export const peerShape = z.object({
  peer_id: z.string(),
  name: z.string(),
  host: z.string(),
  cwd: z.string(),
  repo: z.string().nullable().describe("git root"),
  branch: z.string().nullable(),
  summary: z.string(),
  presence: z.enum(presences),
  last_seen: time,
  waiting: z.int().describe("messages that wait for it"),
  you: z.boolean(),
});

export function toPeerShape(peer: Peer, waiting: number, you: boolean, now: number): z.input<typeof peerShape> {
  return {
    peer_id: peer.peer_id,
    name: peer.name,
    host: peer.host,
    cwd: peer.cwd,
    repo: peer.repo,
    branch: peer.branch,
    summary: peer.summary,
    presence: presenceOf(peer, now),
    last_seen: peer.last_seen,
    waiting,
    you,
  };
}

export const recipientShape = z.object({
  peer_id: z.string(),
  name: z.string(),
  state: z.enum(states),
  note: z.string().optional().describe("what to expect"),
});

export const mailShape = z.object({
  message_id: z.string(),
  from: z.string().describe("peer_id, or 'operator' for a person"),
  from_name: z.string(),
  to: z.string(),
  text: z.string(),
  urgency,
  sent_at: time,
  thread_id: z.string().optional(),
  reply_to: z.string().optional(),
  redelivered: z.boolean().describe("it may have been shown before"),
  attempt: z.int().describe("names this claim when it is acknowledged"),
});

export function toMailShape(mail: Mail): z.input<typeof mailShape> {
  return {
    message_id: mail.message_id,
    from: mail.from_id,
    from_name: mail.from_name,
    to: mail.to_address,
    text: mail.text,
    urgency: mail.urgency,
    sent_at: mail.sent_at,
    thread_id: mail.thread_id,
    ...(mail.reply_to === null ? {} : { reply_to: mail.reply_to }),
    redelivered: mail.delivery.redelivered,
    attempt: mail.delivery.attempt,
  };
}

export const deliveryShape = z.object({
  peer_id: z.string(),
  name: z.string(),
  state: z.enum(states),
  attempts: z.int(),
  redelivered: z.boolean(),
  delivered_at: time.nullable(),
  read_at: time.nullable(),
});

export function toDeliveryShape(row: RecipientRow): z.input<typeof deliveryShape> {
  return {
    peer_id: row.peer_id,
    name: row.name,
    state: row.state,
    attempts: row.attempt,
    redelivered: row.redelivered,
    delivered_at: row.delivered_at,
    read_at: row.read_at,
  };
}

/** What a sender can expect of a recipient, in a few words that are true now. */
export function expectation(peer: Peer, state: DeliveryState, urgencyOf: string, now: number): string | undefined {
  if (state !== "queued") return undefined;
  if (!isLive(peer, now)) {
    const since = new Date(peer.last_seen).toISOString().slice(0, 16).replace("T", " ");
    return `${peer.name} is offline since ${since} UTC; the message is kept until it is back`;
  }
  if (peer.presence === "active") return `${peer.name} is working and gets it at its next tool call`;
  if (urgencyOf === "low") return `${peer.name} is idle and gets it at its next turn (low urgency never wakes)`;
  return `${peer.name} is idle and will be woken`;
}
