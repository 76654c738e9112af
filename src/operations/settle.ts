/** What the clock does to pools: ends memberships, sees to a lead, closes votes. The sweep runs it; rules decide. */

import { isDue, leadOf, leave, membersOf, type Pool, settled } from "../rules/pools.ts";
import { isLive } from "../rules/presence.ts";
import { tallyText } from "../rules/votes.ts";
import { type PoolRow, poolsToSettle } from "../store/pools.ts";
import { ballotsOf, dueProposals } from "../store/proposals.ts";
import { record, tellMembers } from "./membership.ts";
import type { Poster } from "./post.ts";
import { conclude, withdrawAbout, withdrawAll } from "./proposals.ts";
import { peopleOf } from "./references.ts";

/** Lets the clock end memberships and votes. `absenceMs`: a member that was offline for longer is let go. */
export async function settlePools(context: Poster, absenceMs: number): Promise<void> {
  for (const pool of await poolsToSettle(context.sql)) await settlePool(context, pool, absenceMs);
  for (const proposal of await dueProposals(context.sql, context.now)) {
    const ballots = await ballotsOf(context.sql, proposal.proposal_id);
    await conclude(context, proposal, "expired", `the time was over: ${tallyText(ballots)}`);
  }
}

async function settlePool(context: Poster, before: PoolRow, absenceMs: number): Promise<void> {
  const { sql, now } = context;
  const { peer, live } = await peopleOf(sql, before, now);
  let pool: Pool = before;
  const gone: string[] = [];
  for (const member of membersOf(before)) {
    const who = peer(member.peer_id);
    if (!who || !isDue(member, { offline: !isLive(who, now), last_seen: who.last_seen }, absenceMs, now)) continue;
    pool = leave(pool, member.peer_id, live, now);
    const why = member.releasing_until === null ? "it was away for too long" : "it was released";
    gone.push(`${member.name} is no member any more: ${why}.`);
    await withdrawAbout(context, pool, member.peer_id, `${member.name} is no member any more`);
  }
  pool = settled(pool, live);
  await record(context, before, pool);
  if (pool.archived_at !== null) await withdrawAll(context, pool, "the pool was archived");
  const leadChanged = leadOf(pool)?.peer_id !== leadOf(before)?.peer_id;
  if (gone.length > 0 || leadChanged) await tellMembers(context, before, pool, peer, gone);
}
