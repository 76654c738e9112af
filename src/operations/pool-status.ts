/** Looking into a pool. */
import * as z from "zod";
import { mayRead, type Pool, requireMember, sightOf } from "../rules/pools.ts";
import { oneLine } from "../rules/text.ts";
import { type Message, messagesOfPool, recipientsOf } from "../store/messages.ts";
import { type Context, operation } from "./core/operation.ts";
import { memberShape, poolName, poolShape, toMemberShapes, toPoolShape } from "./support/pool-shapes.ts";
import { toProposalShapes } from "./support/proposals.ts";
import { calling, callingSenders, peopleOf, poolNamed } from "./support/references.ts";
import { address, proposalShape, time } from "./support/shapes.ts";

/** Messages that the status shows, and how much of each. */
const RECENT = 10;
const RECENT_CHARACTERS = 300;

export const poolStatus = operation({
  name: "pool_status",
  isolation: "snapshot",
  by: ["peer", "operator"],
  cli: "pool status <pool>",
  tool: { title: "Pool status", readOnly: true, idempotent: true },
  doc: "Shows a pool: members with role and presence, the last messages, open votes. For members, past ones too.",
  input: z.strictObject({ pool: poolName }),
  output: z.object({
    pool: poolShape,
    members: z.array(memberShape),
    recent_messages: z.array(
      z.object({
        message_id: z.string(),
        from_name: z.string(),
        from_address: address,
        to: z.string(),
        text: z.string().describe("its beginning"),
        sent_at: time,
      }),
    ),
    open_proposals: z.array(proposalShape),
  }),
  async run(context, input) {
    const { sql, caller, now } = context;
    const pool = await poolNamed(sql, input.pool, caller);
    if (caller.kind === "peer" && sightOf(pool, caller.peer.peer_id) !== "inside")
      requireMember(pool, caller.peer.peer_id);
    const { peer } = await peopleOf(sql, pool, now);
    const recent = await seenBy(context, pool, await messagesOfPool(sql, pool.pool_id, RECENT * 3));
    const call = await calling(sql, caller);
    const callSender = await callingSenders(sql, call, recent);
    return {
      pool: toPoolShape(pool, caller),
      members: toMemberShapes(pool, peer, caller, call, now),
      recent_messages: recent.slice(0, RECENT).map((message) => ({
        message_id: message.message_id,
        from_name: message.from_name,
        from_address: callSender(message),
        to: message.to_address,
        text: oneLine(message.text, RECENT_CHARACTERS),
        sent_at: message.sent_at,
      })),
      open_proposals: await toProposalShapes(sql, pool),
    };
  },
});

/** What is said to one member of a pool is for that member, for who said it, and for the operator. */
export async function seenBy({ sql, caller }: Context, pool: Pool, messages: readonly Message[]): Promise<Message[]> {
  if (caller.kind !== "peer") return [...messages];
  const me = caller.peer.peer_id;
  const isDirected = (message: Message): boolean => message.to_address.includes("/");
  const recipients = await recipientsOf(
    sql,
    messages.filter(isDirected).map((message) => message.message_id),
  );
  const got = recipients.filter((one) => one.peer_id === me).map((one) => one.message_id);
  return messages.filter(
    (message) =>
      message.from_id === me ||
      (isDirected(message) ? got.includes(message.message_id) : mayRead(pool, me, message.sent_at)),
  );
}
