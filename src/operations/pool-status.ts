/** The status of a pool: members, recent messages, open votes. */
import * as z from "zod";
import { requireMember, visibilityOf } from "../rules/pools.ts";
import { oneLine } from "../rules/text.ts";
import { messagesOfPool } from "../store/history.ts";
import { operation } from "./core/operation.ts";
import { seenBy } from "./support/may-read.ts";
import { memberShape, poolName, poolShape, toMemberShapes, toPoolShape } from "./support/pool-shapes.ts";
import { toProposalShapes } from "./support/proposals.ts";
import { addressFormatter, peopleOf, poolNamed, senderAddressFormatter } from "./support/references.ts";
import { address, proposalShape, time } from "./support/shapes.ts";

/** How many messages the status shows, and how much of each. */
const RECENT = 10;
const RECENT_CHARACTERS = 300;

export const poolStatus = operation({
  name: "pool_status",
  isolation: "snapshot",
  by: ["peer", "operator"],
  repeatable: "always",
  errors: ["not_found", "ambiguous"],
  cli: "pool status <pool>",
  example: "pool status front",
  tool: {
    title: "Pool status",
    readOnly: true,
    adds: { notice: z.string().describe("whose words the texts are") },
  },
  doc: "Shows a pool: members with role and presence, the last messages, open votes. For members, also former ones.",
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
        text: z.string().describe("the beginning"),
        sent_at: time,
      }),
    ),
    open_proposals: z.array(proposalShape),
  }),
  async run(context, input) {
    const { sql, caller, now } = context;
    const pool = await poolNamed(sql, input.pool, caller);
    if (caller.kind === "peer" && visibilityOf(pool, caller.peer.peer_id) !== "inside")
      requireMember(pool, caller.peer.peer_id);
    const { peer } = await peopleOf(context, pool);
    const recent = await seenBy(context, pool, await messagesOfPool(sql, pool.pool_id, RECENT * 3));
    const call = await addressFormatter(sql, caller);
    const callSender = await senderAddressFormatter(sql, call, recent);
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
