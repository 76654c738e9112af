/** Timed changes of pools: ends memberships, replaces leads, closes votes. The sweep runs this; rules decide. */
import { isDue, leave, withLead } from "../../rules/pool-lifecycle.ts";
import { type Member, membersOf, type Pool } from "../../rules/pools.ts";
import { voteSummary } from "../../rules/votes.ts";
import type { Peer } from "../../store/peers.ts";
import { findPool } from "../../store/pools.ts";
import { ballotsOf, dueProposals } from "../../store/proposals.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { record, tellMembers } from "./membership.ts";
import { conclude, withdrawAbout, withdrawAll } from "./proposals.ts";
import { type People, peopleOf } from "./references.ts";

/** Absence: how much listening time there has been so far, and how long a member may be away. */
export interface Absence {
  listened: number;
  limitMs: number;
}

/** Ends the memberships of a pool that are due, and archives the pool when none is left. */
export async function settlePool(context: TransactionContext, poolId: string, absence: Absence): Promise<void> {
  const { sql, now } = context;
  const before = await findPool(sql, poolId);
  if (!before || before.archived_at !== null) return;
  const people = await peopleOf(context, before);
  const { after, gone } = withTimedChanges(before, people, now, absence);
  for (const member of gone)
    await withdrawAbout(context, after, member.peer_id, `${member.name} is no longer a member`);
  await record(context, before, after);
  if (after.archived_at !== null) await withdrawAll(context, after, "the pool was archived");
  const news = gone.map((member) => {
    const why = member.releasing_until === null ? "it was offline for too long" : "it was released";
    const text = `${member.name} is no longer a member: ${why}.`;
    return { about: member.peer_id, change: "left" as const, text };
  });
  await tellMembers(context, before, after, people.peer, news);
}

/** The pool after its timed changes, and the members it loses. */
function withTimedChanges(
  before: Pool,
  { peer, live }: People,
  now: number,
  absence: Absence,
): { after: Pool; gone: Member[] } {
  const gone = membersOf(before).filter((member) => {
    const who = peer(member.peer_id);
    return who && isDue(member, awayFor(who, absence.listened), absence.limitMs, now);
  });
  const left = gone.reduce((pool: Pool, member) => leave(pool, member.peer_id, live, now), before);
  return { after: withLead(left, live), gone };
}

/** How much listening time has passed since the sweep found the peer offline. */
const awayFor = ({ presence, away_since }: Peer, listened: number): number =>
  presence === "offline" && away_since !== null && away_since >= 0 ? listened - away_since : 0;

/** Closes the votes whose deadline has passed. */
export async function closeVotes(context: TransactionContext): Promise<void> {
  for (const proposal of await dueProposals(context.sql, context.now)) {
    const ballots = await ballotsOf(context.sql, proposal.proposal_id);
    await conclude(context, proposal, "expired", `the deadline passed: ${voteSummary(ballots)}`);
  }
}
