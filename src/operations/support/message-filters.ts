/** Which messages a listing or a search is about. */
import * as z from "zod";
import { deliveryStates } from "../../rules/delivery.ts";
import { BROKER_NAME } from "../../rules/names.ts";
import type { MessageFilter } from "../../store/message-filter.ts";
import type { Context } from "../core/operation.ts";
import { messageNamed } from "./may-read.ts";
import { participantEverNamed, seesOnly } from "./people.ts";
import { poolNamed } from "./references.ts";
import { urgency, writtenTime } from "./shapes.ts";

const reference = z.string().min(1).max(200);

export const filterInput = {
  with: reference
    .optional()
    .describe("only messages that this peer or person sent or received; also one that was removed"),
  pool: reference.optional().describe("only messages that were sent to this pool or to one of its members in it"),
  thread: z.string().min(1).max(64).optional().describe("only the thread of this message: an id, or a short id"),
  since: writtenTime.optional().describe("only messages sent at this time or later"),
  state: z.enum(deliveryStates).optional().describe("only messages with a delivery in this state"),
  urgency: urgency.optional().describe("only messages of this urgency"),
};

type FilterInput = z.output<z.ZodObject<typeof filterInput>>;

/**
 * Of what a filter means, the messages of one conversation: of a pool, or the direct ones of two participants. What the broker
 * reported to somebody is not direct mail, and is found by its sender.
 */
export async function inConversation(context: Context, filter: MessageFilter, key: string): Promise<MessageFilter> {
  const ids = key.split("~").toSorted();
  if (ids.length < 2) return { ...filter, pool_id: (await poolNamed(context.sql, key, context.caller)).pool_id };
  if (!ids.includes(BROKER_NAME)) return { ...filter, pair: ids.join("~") };
  const readers = ids.filter((id) => id !== BROKER_NAME);
  return { ...filter, from: BROKER_NAME, participants: [...filter.participants, ...readers] };
}

/** The id of a sender: a peer, a person, or the broker itself. */
export async function senderNamed(context: Context, ref: string): Promise<string> {
  if (ref.trim().toLowerCase() === BROKER_NAME) return BROKER_NAME;
  return (await participantEverNamed(context, ref)).peer_id;
}

/** The messages that the caller may see and means. `more`: other peers that must have taken part. */
export async function filterFor(
  context: Context,
  input: FilterInput,
  more: readonly (string | undefined)[] = [],
): Promise<MessageFilter> {
  const { sql, caller } = context;
  const me = seesOnly(context);
  const participants = me === undefined ? [] : [me];
  for (const ref of [...more, input.with])
    if (ref !== undefined) participants.push((await participantEverNamed(context, ref)).peer_id);
  return {
    participants: [...new Set(participants)],
    pool_id: input.pool === undefined ? undefined : (await poolNamed(sql, input.pool, caller)).pool_id,
    thread_id: input.thread === undefined ? undefined : await threadNamed(context, input.thread),
    since: input.since,
    states: input.state === undefined ? undefined : [input.state],
    urgency: input.urgency,
  };
}

async function threadNamed(context: Context, ref: string): Promise<string> {
  const named = await messageNamed(context, ref);
  return named?.thread_id ?? ref;
}
