/** Sending messages. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { parseAddress } from "../rules/address.ts";
import { withoutAgent } from "../rules/agents.ts";
import { trippedGuard } from "../rules/guards.ts";
import { isPerson, OPERATOR_NAME } from "../rules/names.ts";
import {
  broadcastRecipients,
  EVERYBODY,
  membersOf,
  requireActiveMember,
  requireMember,
  requireNotArchived,
} from "../rules/pools.ts";
import { meantBy } from "../rules/recipients.ts";
import { checkMessageText, checkPlainText } from "../rules/text.ts";
import { findMessage, type Message } from "../store/messages.ts";
import type { Peer } from "../store/peers.ts";
import type { PoolRow } from "../store/pools.ts";
import { together } from "../store/together.ts";
import { lastSentBy } from "../store/usage.ts";
import { type Context, operation } from "./core/operation.ts";
import { guardError, recentSends } from "./support/charging.ts";
import { everybody } from "./support/everybody.ts";
import { addresseeNamed, type Participant, participantOf } from "./support/people.ts";
import { postMessage, type Recipient, viewsOf } from "./support/post.ts";
import { addressFormatter, memberNamed, peerCalled, peopleOf, poolNamed } from "./support/references.ts";
import { addressOfReply, LAST, lastFrom, replyNamed, requireAnswerable } from "./support/replies.ts";
import { messageId, recipientShape, replyRef, urgency } from "./support/shapes.ts";

const sendOutput = z.object({
  message_id: z.string(),
  recipients: z.array(recipientShape),
  understood: z.string().optional().describe("what the address was taken for, where that is not what it says"),
  kept: z
    .string()
    .optional()
    .describe("only from an outbox: the message is NOT confirmed yet; where it is kept, and until when"),
});

export const sendMessage = operation({
  name: "send_message",
  isolation: "inserts",
  by: ["peer", "operator", "person"],
  repeatable: "with message_id",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "send [to] <text>",
  example: 'send api "the branch is form-2" --wait read',
  tool: {
    title: "Send a message",
    readOnly: false,
    // The session server makes a message to each.
    takes: {
      to: z
        .string()
        .describe(
          "a peer's name, name@host or id; @pool: all its members; @pool/peer: one; operator: the person; several: 'ann, bob'",
        )
        .optional(),
    },
    adds: {
      each: z
        .array(z.object({ to: z.string(), message_id: z.string().optional(), error: z.string().optional() }))
        .optional()
        .describe("of several recipients: the message to each, or why there is none"),
    },
    alwaysLoad: true,
    unlisted: ["thread_id", "expires_in_seconds", "allow_secrets", "message_id"],
  },
  doc: "Sends a message to a session, a person or a pool. It is kept until they take it; the answer says what to expect. A reply arrives by itself: never poll or wait for it.",
  input: z.strictObject({
    to: z
      .string()
      .min(1)
      .max(200)
      .describe("a peer's name, name@host or id; @pool: all its members; @pool/peer: one; operator: the person")
      .optional(),
    text: z.string().describe("up to 64 KiB"),
    urgency: urgency.optional().describe("default normal; interrupt stops its next tool call; low never wakes it"),
    reply_to: replyRef
      .optional()
      .describe("id of the message that this answers ('to' may be left out then); or last: their last one"),
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
    const me = participantOf(context);
    const from = { from_id: me.peer_id, from_name: me.name };
    const id = input.message_id ?? context.newMessageId();
    const [before, replied, addressed] = await together(
      input.message_id === undefined ? undefined : findMessage(sql, id),
      outcomeOf(replyNamed(context, input.reply_to)),
      input.to === undefined ? undefined : outcomeOf(recipientsFor(context, input.to)),
    );
    // A repeated send gets its first answer, also if it would fail now.
    if (before) return firstAnswer(before, from.from_id, input);
    const named = replied();
    await requireAnswerable(context, input.reply_to, named);
    const {
      recipients,
      pool_id,
      understood,
      paused = false,
    } = addressed ? addressed() : await recipientsFor(context, addressOfReply(input.reply_to, named));
    const to = input.to ?? named?.from_name ?? "";
    if (recipients.some((peer) => peer.peer_id === from.from_id)) {
      const who = caller.kind === "peer" ? "this session itself" : "you";
      throw new CctError("bad_request", `'${to}' is ${who}.`, "See list_peers for the others.");
    }
    const [only] = recipients;
    const isBroadcast = pool_id !== null && parseAddress(to).kind === "pool";
    const parent =
      input.reply_to === LAST
        ? await lastFrom(context, isBroadcast ? { pool_id } : recipients.length === 1 ? only : undefined)
        : named;
    const hops = parent ? parent.hops + 1 : 0;
    const target = pool_id ?? (recipients.length > 1 ? `@${EVERYBODY}` : (only?.peer_id ?? ""));
    const [last, views] = await together(
      me.peer_id !== OPERATOR_NAME
        ? checkGuards(context, me, { to, text: input.text, target, hops })
        : // With bounds there is one broker, which counts up from the highest number in the database.
          context.bounds
          ? 0
          : lastSentBy(sql, from.from_id),
      viewsOf(
        context,
        recipients,
        from.from_id,
        pool_id,
        null,
        paused || (caller.kind === "peer" && caller.peer.muted),
      ),
    );
    const message: Message = {
      from_id: from.from_id,
      from_name: from.from_name,
      message_id: id,
      // Above the sender's last message and above the message it replies to, whichever brokers they went through.
      seq: context.nextSeq(Math.max(last, parent?.seq ?? 0)),
      to_address: withoutAgent(to),
      thread_id: input.thread_id ?? parent?.thread_id ?? id,
      reply_to: parent?.message_id ?? null,
      urgency: input.urgency ?? "normal",
      text: input.text,
      sent_at: now,
      expires_at: input.expires_in_seconds === undefined ? null : now + input.expires_in_seconds * 1000,
      hops,
      pool_id,
      target,
    };
    const answer = (all: Recipient[]) => ({
      message_id: id,
      recipients: all,
      ...(understood !== undefined && { understood }),
    });
    return answer(
      await postMessage(context, message, recipients, {
        answer: (all) => JSON.stringify(answer(all)),
        format: await addressFormatter(sql, caller),
        views,
      }),
    );
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
  me: Participant,
  { to, text, target, hops }: { to: string; text: string; target: string; hops: number },
): Promise<number> {
  const sent = await recentSends(context, me.peer_id, { target, text });
  const tripped = trippedGuard(context.limits, sent, hops, to, context.now);
  if (!tripped) return sent.last_seq;
  throw guardError(tripped, me, { address: to, target });
}

interface Addressed {
  recipients: Peer[];
  pool_id: string | null;
  /** The pool may be paused. */
  paused?: boolean;
  /** What the address was taken for, where that is not what it says. */
  understood?: string;
}

/** Throws the error again; where no peer has that name, with a hint at what may be meant. */
async function hinted(context: Context, ref: string, error: unknown): Promise<never> {
  if (!(error instanceof CctError) || error.code !== "not_found") throw error;
  const isPool = await poolNamed(context.sql, ref, context.caller).then(
    (pool) => pool.archived_at === null,
    () => false,
  );
  const meant = isPool ? `The pool of that name is '@${ref}'.` : meantBy(ref);
  throw meant === undefined ? error : new CctError(error.code, error.message, `${meant} ${error.hint}`);
}

/** The recipients that an address means for this caller. */
async function recipientsFor(context: Context, to: string): Promise<Addressed> {
  const { sql, caller } = context;
  const address = parseAddress(to);
  if (address.kind === "peer") {
    const recipient = await addresseeNamed(context, address.peer).catch((error: unknown) =>
      hinted(context, address.peer, error),
    );
    return { recipients: [recipient], pool_id: null };
  }
  let pool: PoolRow;
  try {
    pool = await poolNamed(sql, address.pool, caller);
  } catch (error) {
    // Models and people write @bob for bob. Where there is a pool of that name, it is meant.
    const isMissing = address.kind === "pool" && error instanceof CctError && error.code === "not_found";
    if (isMissing && address.pool.toLowerCase() === EVERYBODY)
      return { recipients: requireSome(await everybody(context)), pool_id: null };
    if (!isMissing) throw error;
    const isPersons = isPerson(address.pool);
    const namesake = isPersons ? await addresseeNamed(context, address.pool) : await peerCalled(sql, address.pool);
    if (!namesake) throw error;
    const understood = `there is no pool @${address.pool}: sent to ${isPersons ? "" : "the peer "}${namesake.name}`;
    return { recipients: [namesake], pool_id: null, understood };
  }
  requireNotArchived(pool);
  // Outsiders must not learn that a private pool exists, so its name is not kept from peers: one may have the same name.
  const namesake = address.kind === "pool" && pool.private ? await peerCalled(sql, address.pool) : undefined;
  if (namesake) {
    throw new CctError(
      "ambiguous",
      `'@${address.pool}' is a private pool of yours, and a peer has that name, too.`,
      `For the pool: @${pool.pool_id.slice(0, 8)}. For the peer: ${namesake.name}.`,
    );
  }
  const me = participantOf(context).peer_id;
  // A released member may still write to single members, to hand over its work.
  if (caller.kind !== "operator") (address.kind === "pool" ? requireActiveMember : requireMember)(pool, me);
  const { peer } = await peopleOf(context, pool);
  const members =
    address.kind === "pool"
      ? broadcastRecipients(pool, me)
      : [memberNamed(pool.name, membersOf(pool), address.peer, peer)];
  if (members.length === 0) {
    throw new CctError("conflict", `Nobody else is in @${pool.name}.`, "Invite somebody: invite_to_pool.");
  }
  return {
    recipients: members.flatMap((member) => peer(member.peer_id) ?? []),
    pool_id: pool.pool_id,
    paused: pool.paused,
  };
}

/** Throws `conflict` if there is nobody. */
function requireSome(recipients: Peer[]): Peer[] {
  if (recipients.length > 0) return recipients;
  throw new CctError("conflict", "Nobody else is there.", "See list_peers.");
}

function firstAnswer(
  before: Message & { answer: string },
  fromId: string,
  input: { to?: string | undefined; text: string },
): z.input<typeof sendOutput> {
  const isSame = input.to === undefined || before.to_address === withoutAgent(input.to);
  if (before.from_id !== fromId || before.text !== input.text || !isSame) {
    throw new CctError(
      "conflict",
      `The message_id '${before.message_id}' belongs to another message.`,
      "Make a new one for each message.",
    );
  }
  return sendOutput.parse(JSON.parse(before.answer));
}
