/** Shapes that several operations share, and their conversion from stored rows. */
import * as z from "zod";
import { addressOf } from "../../rules/address.ts";
import { type DeliveryState, deliveryStates, urgencies } from "../../rules/delivery.ts";
import {
  busyUntil,
  hooksStates,
  isBusy,
  isLive,
  isUnheard,
  type Presence,
  presenceOf,
  presences,
  wantsQuiet,
} from "../../rules/presence.ts";
import { quoted } from "../../rules/text.ts";
import { proposalStates, votes } from "../../rules/votes.ts";
import { countUnread } from "../../store/inbox.ts";
import type { Mail, RecipientRow } from "../../store/messages.ts";
import type { Peer } from "../../store/peers.ts";
import { poolsOfPeer } from "../../store/pools.ts";
import type { Sql } from "../../store/store.ts";
import type { AddressFormatter } from "./references.ts";

export const messageId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{8,64}$/, "a message_id has 8 to 64 letters, digits, '-' or '_' (use a UUIDv7)");

export const urgency = z.enum(urgencies);

export const time = z.int().describe("milliseconds since 1970");

export const address = z.string().optional().describe("name@host, when it is on another machine than yours");

/** Presence: part of every shape that shows a peer. */
export const presenceShape = {
  presence: z.enum(presences),
  busy_reason: z.string().optional().describe("only while busy"),
  busy_until: time.optional().describe("its own estimate"),
};

export function toPresenceShape(
  peer: Peer,
  now: number,
): { presence: Presence; busy_reason?: string; busy_until?: number } {
  const presence = presenceOf(peer, now);
  // An offline peer is not busy, whatever it said last.
  if (presence === "offline") return { presence };
  const until = busyUntil(peer, now);
  return {
    presence,
    ...(peer.busy_reason !== null && isBusy(peer, now) ? { busy_reason: peer.busy_reason } : {}),
    ...(until === undefined ? {} : { busy_until: until }),
  };
}

export const proposalShape = z.object({
  proposal_id: z.string(),
  subject: z.string(),
  proposer: z.string(),
  reason: z.string(),
  state: z.enum(proposalStates),
  outcome: z.string().describe("the count of votes so far, or why it ended"),
  deadline: time,
  needed: z.int().describe("yes votes that it needs"),
  voters: z.array(z.object({ peer_id: z.string(), name: z.string() })),
  without_vote: z
    .array(z.object({ peer_id: z.string(), name: z.string(), reason: z.string() }))
    .describe("members whose vote does not count, and why"),
  votes: z.array(z.object({ peer_id: z.string(), name: z.string(), vote: z.enum(votes) })),
});

export const peerShape = z.object({
  peer_id: z.string(),
  name: z.string(),
  host: z.string(),
  address,
  cwd: z.string(),
  repo: z.string().nullable().describe("git root"),
  branch: z.string().nullable(),
  summary: z.string(),
  ...presenceShape,
  hooks: z
    .enum(hooksStates)
    .optional()
    .describe(
      "only when mail does not arrive by itself. quiet: no hook takes it; unwritable: its machine cannot write it, for example because its disk is full; unserved: its session server has ended",
    ),
  last_seen: time,
  pools: z.array(z.string()).describe("names of its pools; of another peer, only those that you share"),
  waiting: z.int().describe("messages waiting for it"),
  you: z.boolean(),
});

/** What the peer's own row does not have. */
interface AboutPeer {
  pools: string[];
  waiting: number;
  you: boolean;
  address: string | undefined;
}

export function toPeerShape(peer: Peer, about: AboutPeer, now: number): z.input<typeof peerShape> {
  return {
    peer_id: peer.peer_id,
    name: peer.name,
    host: peer.host,
    cwd: peer.cwd,
    repo: peer.repo,
    branch: peer.branch,
    summary: peer.summary,
    ...toPresenceShape(peer, now),
    ...(isLive(peer, now) && peer.hooks !== "live" ? { hooks: peer.hooks } : {}),
    last_seen: peer.last_seen,
    ...about,
  };
}

/** The same, with everything looked up. */
export async function toPeerShapeOf(
  sql: Sql,
  peer: Peer,
  you: boolean,
  now: number,
): Promise<z.input<typeof peerShape>> {
  const unread = await countUnread(sql, peer.peer_id);
  const pools = (await poolsOfPeer(sql, peer.peer_id)).map((pool) => pool.name);
  const waiting = unread.reduce((sum, one) => sum + one.unread, 0);
  return toPeerShape(peer, { pools, waiting, you, address: undefined }, now);
}

export const recipientShape = z.object({
  peer_id: z.string(),
  name: z.string(),
  address,
  state: z.enum(deliveryStates),
  note: z.string().optional().describe("what to expect"),
});

export const mailShape = z.object({
  message_id: z.string(),
  from: z.string().describe("peer_id, 'operator' for a person, or 'cct' for reports of the broker"),
  from_name: z.string(),
  from_address: address,
  to: z.string(),
  pool: z.string().optional().describe("the pool that it was sent to"),
  text: z.string(),
  urgency,
  sent_at: time,
  thread_id: z.string().optional(),
  reply_to: z.string().optional(),
  redelivered: z.boolean().describe("it may have been shown before"),
  attempt: z.int().describe("number of this claim, for acknowledging it"),
});

/** `name@host` of a mail's sender for a reader on `host`; `undefined` on the same machine, or when it is not a peer. */
function senderAddress(mail: Mail, host: string): string | undefined {
  const { from_name: name, from_host } = mail;
  return from_host === null || from_host === host ? undefined : addressOf({ name, host: from_host }, host);
}

export function toMailShape(mail: Mail, host: string): z.input<typeof mailShape> {
  return {
    message_id: mail.message_id,
    from: mail.from_id,
    from_name: mail.from_name,
    from_address: senderAddress(mail, host),
    to: mail.to_address,
    ...(mail.pool === null ? {} : { pool: mail.pool }),
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
  address,
  state: z.enum(deliveryStates),
  attempts: z.int(),
  redelivered: z.boolean(),
  delivered_at: time.nullable(),
  read_at: time.nullable(),
  reason: z.string().optional().describe("why it ended unread"),
});

export function toDeliveryShape(row: RecipientRow, format: AddressFormatter): z.input<typeof deliveryShape> {
  return {
    peer_id: row.peer_id,
    name: row.name,
    address: format(row),
    state: row.state,
    attempts: row.attempt,
    redelivered: row.redelivered,
    delivered_at: row.delivered_at,
    read_at: row.read_at,
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}

/** Tells the sender when this recipient will get the message, from its current presence. `canWake`: mail may wake it. */
export function expectation(
  peer: Peer,
  state: DeliveryState,
  urgencyOf: string,
  now: number,
  canWake: boolean,
): string | undefined {
  const { name } = peer;
  if (state === "held") return `${name} holds such mail until the operator releases it`;
  if (state === "refused") return `${name} refuses such mail`;
  if (!isLive(peer, now)) {
    const since = new Date(peer.last_seen).toISOString().slice(0, 16).replace("T", " ");
    return `${name} is offline since ${since} UTC; the message is kept until it is back`;
  }
  if (peer.polls) return `${name} polls for mail about once a minute`;
  if (peer.hooks === "unwritable")
    return `${name}'s machine cannot write mail now (its disk may be full); it is kept here until that works, or until ${name} calls cct_check_messages`;
  if (peer.hooks === "unserved")
    return `${name}'s session server has ended, so it gets no mail; the message is kept until it is back, after a restart of that session`;
  if (isUnheard(peer, now))
    return `${name} was last heard ${Math.round((now - peer.last_seen) / 1000)} s ago and may be gone; the message is kept until it is back`;
  if (peer.hooks === "quiet") return quietExpectation(peer, now);
  if (isBusy(peer, now)) return busyExpectation(peer, urgencyOf, now);
  if (peer.presence === "blocked") return `${name} waits for its user's permission and gets it after that`;
  if (peer.presence === "active") return `${name} is working and gets it at its next tool call`;
  if (urgencyOf === "low") return `${name} is idle and gets it at its next turn (low urgency never wakes)`;
  if (!canWake && urgencyOf !== "interrupt")
    return `${name} reached its limit of wakes per hour; it gets it at its next turn, or when the hour is over`;
  if (!peer.wakes)
    return `${name} is idle and cannot be woken (print mode or SDK); it gets it at its next turn, if there is one`;
  return `${name} is idle and will be woken`;
}

function quietExpectation(peer: Peer, now: number): string {
  const took = peer.took_at === null ? "it has taken no mail yet" : `last took mail ${minutes(now - peer.took_at)} ago`;
  return `no live hook: ${took}; ${peer.name} gets it when it calls cct_check_messages`;
}

function busyExpectation(peer: Peer, urgencyOf: string, now: number): string {
  const until = busyUntil(peer, now);
  const left =
    until === undefined ? "" : until > now ? `, about ${minutes(until - now)} left` : ", longer than estimated";
  const busy = `${peer.name} is busy with ${quoted(peer.busy_reason ?? "something")}${left}`;
  if (!wantsQuiet(peer, now)) return `${busy}, and gets it after that`;
  return urgencyOf === "interrupt" ? `${busy}; an interrupt goes through` : `${busy}, and gets it when it is ready`;
}

/** `40 s`, `6 min`. */
function minutes(ms: number): string {
  return ms < 90_000 ? `${Math.max(1, Math.round(ms / 1000))} s` : `${Math.round(ms / 60_000)} min`;
}
