/** Shapes that several operations share, and their conversion from stored rows. */
import * as z from "zod";
import { addressOf } from "../../rules/address.ts";
import { isClaude } from "../../rules/agents.ts";
import type { BlockedOn } from "../../rules/blocked-on.ts";
import { COUNT_LIMIT } from "../../rules/counted.ts";
import { deliveryStates, urgencies } from "../../rules/delivery.ts";
import { BROKER_NAME, isPerson, OPERATOR_NAME } from "../../rules/names.ts";
import { busyUntil, hooksStates, isBusy, isLive, type Presence, presenceOf, presences } from "../../rules/presence.ts";
import { proposalStates, votes } from "../../rules/votes.ts";
import { countUnread } from "../../store/inbox.ts";
import type { Mail } from "../../store/messages.ts";
import type { Peer } from "../../store/peers.ts";
import { poolsOfPeer } from "../../store/pools.ts";
import type { RecipientRow } from "../../store/recipients.ts";
import type { Sql } from "../../store/store.ts";
import type { AddressFormatter } from "./references.ts";

export const messageId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{8,64}$/, "must have 8 to 64 letters, digits, '-' or '_' (use a UUIDv7)");

/** A reference to a message: its id, or its short id, as it is shown with it. */
export const messageRef = z
  .string()
  .regex(
    /^[A-Za-z0-9_-]{6,64}$/,
    "must be a message's id, or the short id that is shown for it (6 characters or more)",
  );

/** The same, or the newest message from whom the reply is for. */
export const replyRef = z
  .string()
  .regex(
    /^(?:last|[A-Za-z0-9_-]{6,64})$/,
    "must be a message's id, the short id that is shown for it (6 characters or more), or 'last'",
  );

export const urgency = z.enum(urgencies);

export const time = z.int().describe("milliseconds since 1970");

/** Numbers of inputs that people and models write in another form: see `rules/times.ts`. */
export const writtenTime = z.int().min(0).meta({ written: "time" });
export const writtenSeq = z.int().min(1).meta({ written: "seq" });

export const address = z.string().optional().describe("name@host, when it is on another machine than yours");

/** Presence: part of every shape that shows a peer. */
export const presenceShape = {
  presence: z.enum(presences),
  busy_reason: z.string().optional().describe("only while busy"),
  busy_until: time.optional().describe("its own estimate"),
  blocked_on: z
    .object({ tool: z.string(), what: z.string().optional().describe("only for the operator") })
    .optional()
    .describe("what it asks its user's permission for: the tool, and its command, file, address or question"),
};

/** Who reads: the operator sees everything, everybody else what is public. */
export type Sees = "all" | "public";

interface Presents {
  presence: Presence;
  busy_reason?: string;
  busy_until?: number;
  blocked_on?: BlockedOn;
}

export function toPresenceShape(peer: Peer, sees: Sees, now: number): Presents {
  const presence = presenceOf(peer, now);
  // An offline peer is not busy, whatever it said last.
  if (presence === "offline") return { presence };
  if (presence === "blocked") return { presence, ...blockedOn(peer, sees) };
  const until = busyUntil(peer, now);
  return {
    presence,
    ...(peer.busy_reason !== null && isBusy(peer, now) ? { busy_reason: peer.busy_reason } : {}),
    ...(until === undefined ? {} : { busy_until: until }),
  };
}

function blockedOn({ blocked_tool: tool, blocked_what: what }: Peer, sees: Sees): { blocked_on?: BlockedOn } {
  if (tool === null) return {};
  return { blocked_on: { tool, ...(what !== null && sees === "all" && { what }) } };
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

export const agent = z.string().optional().describe("the agent program; absent: claude");

export const agentOf = ({ agent: name }: Pick<Peer, "agent">): { agent?: string } =>
  isClaude(name) ? {} : { agent: name };

/** What a live session cannot do with mail. */
export const abilities = (peer: Peer, now: number): { wakes?: false; midturn?: false } => {
  if (!isLive(peer, now)) return {};
  return { ...(!peer.wakes && { wakes: false }), ...(!peer.midturn && { midturn: false }) };
};

export const peerShape = z.object({
  peer_id: z.string(),
  name: z.string(),
  agent,
  alias: z.string().optional().describe("what its host calls it; an address too, while the session lives"),
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
      "only when mail does not arrive by itself. quiet: no hook takes it; unwritable: its machine cannot write it, for example because its disk is full; unserved: its session server has ended, or cannot reach the broker",
    ),
  wakes: z.boolean().optional().describe("false: mail cannot wake it when it is idle"),
  midturn: z.boolean().optional().describe("false: mail reaches it only after its turn"),
  last_seen: time,
  pools: z.array(z.string()).describe("names of its pools; of another peer, only those that you share"),
  waiting: z.int().describe(`messages waiting for it; counted to ${COUNT_LIMIT}`),
  you: z.boolean(),
});

/** What the peer's own row does not have. */
interface AboutPeer {
  pools: string[];
  waiting: number;
  you: boolean;
  address: string | undefined;
}

export function toPeerShape(peer: Peer, about: AboutPeer, sees: Sees, now: number): z.input<typeof peerShape> {
  return {
    peer_id: peer.peer_id,
    name: peer.name,
    ...agentOf(peer),
    ...(peer.alias !== null && isLive(peer, now) && peer.alias !== peer.name.toLowerCase() && { alias: peer.alias }),
    host: peer.host,
    cwd: peer.cwd,
    repo: peer.repo,
    branch: peer.branch,
    summary: peer.summary,
    ...toPresenceShape(peer, sees, now),
    ...(isLive(peer, now) && peer.hooks !== "live" ? { hooks: peer.hooks } : {}),
    ...abilities(peer, now),
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
  const waiting = await countUnread(sql, peer.peer_id);
  const pools = (await poolsOfPeer(sql, peer.peer_id)).map((pool) => pool.name);
  return toPeerShape(peer, { pools, waiting, you, address: undefined }, "public", now);
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
  from_name: z.string().describe("a person's is 'operator', or 'operator@' and the device"),
  from_address: address,
  to: z.string(),
  pool: z.string().optional().describe("the pool that it was sent to"),
  text: z.string(),
  urgency,
  sent_at: time,
  thread_id: z.string().optional(),
  reply_to: z.string().optional(),
  redelivered: z.boolean().describe("it may have been shown before"),
  other_device: z
    .boolean()
    .optional()
    .describe("its sender's machine has a token of its own: perhaps another person's"),
  attempt: z.int().describe("number of this claim, for acknowledging it"),
});

/** `name@host` of a mail's sender for a reader on `host`; `undefined` on the same machine, or when it is not a peer. */
function senderAddress(mail: Mail, host: string): string | undefined {
  const { from_name: name, from_host } = mail;
  return from_host === null || from_host === host || isPerson(name)
    ? undefined
    : addressOf({ name, host: from_host }, host);
}

/** A machine names itself, but its token is the broker's. A sender that was removed since is not known. */
const isFromOtherDevice = (mail: Mail, reader: Pick<Peer, "device_id">): boolean =>
  mail.from_id !== OPERATOR_NAME &&
  mail.from_id !== BROKER_NAME &&
  (isPerson(mail.from_name)
    ? mail.from_id !== reader.device_id
    : mail.from_host === null || mail.from_device !== reader.device_id);

export function toMailShape(mail: Mail, reader: Pick<Peer, "host" | "device_id">): z.input<typeof mailShape> {
  return {
    message_id: mail.message_id,
    from: mail.from_id,
    from_name: mail.from_name,
    from_address: senderAddress(mail, reader.host),
    ...(isFromOtherDevice(mail, reader) ? { other_device: true } : {}),
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
