/** Decides proposals to release a member, and carries the decision out. */
import type * as z from "zod";
import { shortId } from "../../rules/address.ts";
import { type Elector, electorateOf } from "../../rules/electorate.ts";
import { release } from "../../rules/pool-lifecycle.ts";
import { memberOf, membersOf, type Pool, RELEASE_GRACE_MS } from "../../rules/pools.ts";
import { change, decided, released } from "../../rules/texts/notices.ts";
import { ownPlace, releaseOf } from "../../rules/topics.ts";
import { type Ballot, countVotes, type ProposalState, votersOf, voteSummary } from "../../rules/votes.ts";
import { findPeers } from "../../store/peers.ts";
import { findPool } from "../../store/pools.ts";
import { ballotsOf, openProposals, type Proposal, updateProposal } from "../../store/proposals.ts";
import type { Sql } from "../../store/store.ts";
import type { TransactionContext } from "../core/transaction.ts";
import { record, tellMembers } from "./membership.ts";
import { report } from "./post.ts";
import { type People, peopleOf } from "./references.ts";
import type { proposalShape } from "./shapes.ts";

/** The ballots of a new proposal: one for each member that was not released, with its vote or why it has none. */
export function newBallots(pool: Pool, subjectId: string, { peer, live }: People, now: number): Ballot[] {
  const members = membersOf(pool).flatMap((member): Elector[] => {
    const who = peer(member.peer_id);
    return who && member.releasing_until === null ? [{ isLive: live(member.peer_id), ...who, ...member }] : [];
  });
  const { voters, excluded } = electorateOf(members, subjectId, now);
  const ballot = ({ peer_id, name }: Elector, reason: string | null): Ballot => ({
    peer_id,
    name,
    vote: null,
    excluded: reason,
  });
  return [...voters.map((one) => ballot(one, null)), ...excluded.map((one) => ballot(one.member, one.reason))];
}

/** Ends a proposal, carries it out and tells its voters. Only a released member is woken. */
export async function conclude(
  context: TransactionContext,
  proposal: Proposal,
  state: Exclude<ProposalState, "open">,
  why: string,
): Promise<Proposal> {
  const { sql, now } = context;
  const ended = { ...proposal, state, outcome: why, decided_at: now };
  await updateProposal(sql, ended);
  context.changed({ what: "attention" });
  const pool = await findPool(sql, proposal.pool_id);
  const isReleased = pool && state === "passed" ? await releaseMember(context, pool.pool_id, ended) : false;
  const voters = votersOf(await ballotsOf(sql, proposal.proposal_id)).map((ballot) => ballot.peer_id);
  const toTell = voters.filter((peerId) => !(isReleased && peerId === proposal.subject_id));
  await report(context, {
    to: await findPeers(sql, toTell),
    pool,
    text: decided(shortId(proposal.proposal_id), proposal.subject, state, why),
    urgency: "low",
    topic: releaseOf(proposal.pool_id, proposal.subject_id),
  });
  return ended;
}

/** Releases a member: it gets instructions and time to finish, but no more broadcasts. */
async function releaseMember(context: TransactionContext, poolId: string, proposal: Proposal): Promise<boolean> {
  const { sql, now } = context;
  const pool = await findPool(sql, poolId);
  if (!pool || !memberOf(pool, proposal.subject_id)) return false;
  const { peer, live } = await peopleOf(context, pool);
  const after = release(pool, proposal.subject_id, live, now);
  await record(context, pool, after);
  const id = proposal.subject_id;
  const news = { about: id, change: "released" as const, text: change.released(proposal.subject) };
  await tellMembers(context, pool, after, peer, [news]);
  const subject = peer(proposal.subject_id);
  if (!subject) return false;
  await report(context, {
    to: [subject],
    pool,
    text: released(pool.name, proposal.outcome, proposal.proposer, proposal.reason, RELEASE_GRACE_MS / 60_000),
    urgency: "normal",
    topic: ownPlace(pool.pool_id, "released"),
  });
  return true;
}

/** Withdraws the open proposals about a peer that is no longer a member. */
export async function withdrawAbout(
  context: TransactionContext,
  pool: Pool,
  subjectId: string,
  why: string,
): Promise<void> {
  for (const proposal of await openProposals(context.sql, pool.pool_id)) {
    if (proposal.subject_id === subjectId) await conclude(context, proposal, "withdrawn", why);
  }
}

/** Withdraws all open proposals of a pool. */
export async function withdrawAll(context: TransactionContext, pool: Pool, why: string): Promise<void> {
  for (const proposal of await openProposals(context.sql, pool.pool_id))
    await conclude(context, proposal, "withdrawn", why);
}

/** Ends a proposal if its votes have decided it. */
export async function settleVotes(context: TransactionContext, proposal: Proposal): Promise<Proposal> {
  const ballots = await ballotsOf(context.sql, proposal.proposal_id);
  const { state } = countVotes(ballots);
  return state === "open" ? proposal : conclude(context, proposal, state, voteSummary(ballots));
}

export async function toProposalShape(sql: Sql, proposal: Proposal): Promise<z.input<typeof proposalShape>> {
  const ballots = await ballotsOf(sql, proposal.proposal_id);
  const { needed } = countVotes(ballots);
  return {
    proposal_id: proposal.proposal_id,
    subject: proposal.subject,
    proposer: proposal.proposer,
    reason: proposal.reason,
    state: proposal.state,
    outcome: proposal.outcome || voteSummary(ballots),
    deadline: proposal.deadline,
    needed,
    voters: votersOf(ballots).map(({ peer_id, name }) => ({ peer_id, name })),
    without_vote: ballots.flatMap(({ peer_id, name, excluded }) =>
      excluded === null ? [] : { peer_id, name, reason: excluded },
    ),
    votes: ballots.flatMap(({ peer_id, name, vote }) => (vote === null ? [] : { peer_id, name, vote })),
  };
}

export async function toProposalShapes(sql: Sql, pool: Pool): Promise<z.input<typeof proposalShape>[]> {
  const shapes = [];
  for (const proposal of await openProposals(sql, pool.pool_id)) shapes.push(await toProposalShape(sql, proposal));
  return shapes;
}
