/** Timed changes of pools: ends memberships, replaces leads, closes votes. The sweep runs this; rules decide. */
import { changedMembers, isDue, leave, withLead } from "../../rules/pool-lifecycle.ts";
import { leadOf, type Member, membersOf, type Pool } from "../../rules/pools.ts";
import { isLive } from "../../rules/presence.ts";
import { voteSummary } from "../../rules/votes.ts";
import { findPool, poolsToSettle } from "../../store/pools.ts";
import { ballotsOf, dueProposals } from "../../store/proposals.ts";
import type { Sql } from "../../store/store.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { record, tellMembers } from "./membership.ts";
import { conclude, withdrawAbout, withdrawAll } from "./proposals.ts";
import { type People, peopleOf } from "./references.ts";

/** The pools with a timed change that is due. `absenceMs`: a member that was offline for longer is removed. */
export async function poolsDue(sql: Sql, now: number, absenceMs: number): Promise<string[]> {
  const due = [];
  for (const pool of await poolsToSettle(sql)) {
    const { after } = withTimedChanges(pool, await peopleOf(sql, pool, now), now, absenceMs);
    if (changedMembers(pool, after).length > 0 || after.archived_at !== null) due.push(pool.pool_id);
  }
  return due;
}

/** Ends the memberships of a pool that are due, and archives the pool when none is left. */
export async function settlePool(context: TransactionContext, poolId: string, absenceMs: number): Promise<void> {
  const { sql, now } = context;
  const before = await findPool(sql, poolId);
  if (!before || before.archived_at !== null) return;
  const people = await peopleOf(sql, before, now);
  const { after, gone } = withTimedChanges(before, people, now, absenceMs);
  for (const member of gone)
    await withdrawAbout(context, after, member.peer_id, `${member.name} is no longer a member`);
  await record(context, before, after);
  if (after.archived_at !== null) await withdrawAll(context, after, "the pool was archived");
  const leadChanged = leadOf(after)?.peer_id !== leadOf(before)?.peer_id;
  const news = gone.map((member) => {
    const why = member.releasing_until === null ? "it was offline for too long" : "it was released";
    return `${member.name} is no longer a member: ${why}.`;
  });
  if (gone.length > 0 || leadChanged) {
    const about = gone.map((member) => member.peer_id);
    await tellMembers(context, before, after, people.peer, { what: news, about });
  }
}

/** The pool after its timed changes, and the members it loses. */
function withTimedChanges(
  before: Pool,
  { peer, live }: People,
  now: number,
  absenceMs: number,
): { after: Pool; gone: Member[] } {
  const gone = membersOf(before).filter((member) => {
    const who = peer(member.peer_id);
    return who && isDue(member, { offline: !isLive(who, now), last_seen: who.last_seen }, absenceMs, now);
  });
  const left = gone.reduce((pool: Pool, member) => leave(pool, member.peer_id, live, now), before);
  return { after: withLead(left, live), gone };
}

/** Closes the votes whose deadline has passed. */
export async function closeVotes(context: TransactionContext): Promise<void> {
  for (const proposal of await dueProposals(context.sql, context.now)) {
    const ballots = await ballotsOf(context.sql, proposal.proposal_id);
    await conclude(context, proposal, "expired", `the deadline passed: ${voteSummary(ballots)}`);
  }
}
