/** Releases of pool members by vote: proposals, votes, and the operator's decision. */
import * as z from "zod";
import { CctError } from "../platform/errors.ts";
import { shortId } from "../rules/address.ts";
import { membersOf, requireActiveMember, requireNotArchived, visibilityOf } from "../rules/pools.ts";
import { MAX_PROPOSALS, requireBelow } from "../rules/quotas.ts";
import { checkPlainText, oneLine } from "../rules/text.ts";
import { proposed } from "../rules/texts/notices.ts";
import { releaseOf } from "../rules/topics.ts";
import { castVote, countVotes, DEFAULT_DEADLINE_MS, votersOf, votes } from "../rules/votes.ts";
import { findPool } from "../store/pools.ts";
import {
  ballotsOf,
  countProposalsBy,
  findProposals,
  insertProposal,
  openProposals,
  type Proposal,
  updateBallot,
} from "../store/proposals.ts";
import type { Sql } from "../store/store.ts";
import { type Caller, callingPeer, operation } from "./core/operation.ts";
import { report } from "./support/post.ts";
import { conclude, newBallots, settleVotes, toProposalShape } from "./support/proposals.ts";
import { callerName, memberNamed, peopleOf, poolNamed } from "./support/references.ts";
import { proposalShape } from "./support/shapes.ts";

const MAX_DEADLINE_S = 7 * 86_400;

/** Digits of a proposal's id in the notice to its voters: more than elsewhere, since a vote must not meet another proposal. */
const ID_IN_NOTICE = 8;

export const proposeRelease = operation({
  name: "propose_release",
  by: ["peer", "operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "release propose <pool> <peer> <reason>",
  example: 'release propose front api "its part is merged"',
  tool: { title: "Propose a release", readOnly: false },
  doc: "Proposes to release a member from a pool because its work there is done. All members vote, including that member, but newcomers not for ten minutes, and each process once; your yes is cast with it. It takes more than half.",
  input: z.strictObject({
    pool: z.string().min(1).max(80).describe("the pool's name"),
    peer: z.string().min(1).max(200).describe("the member to release"),
    reason: z.string().max(1000).describe("shown to all voters"),
    deadline_seconds: z.int().min(10).max(MAX_DEADLINE_S).optional().describe("default 600"),
  }),
  output: proposalShape,
  async run(context, input) {
    const { sql, caller, now } = context;
    checkPlainText("reason", input.reason);
    const reason = oneLine(input.reason, 1000);
    if (reason === "") throw new CctError("bad_request", "The reason is empty.", "Say why in one sentence.");
    const pool = await poolNamed(sql, input.pool, caller);
    requireNotArchived(pool);
    if (caller.kind === "peer") requireActiveMember(pool, caller.peer.peer_id);
    const people = await peopleOf(context, pool);
    const subject = memberNamed(pool.name, membersOf(pool), input.peer, people.peer);
    if (subject.releasing_until !== null) {
      throw new CctError(
        "conflict",
        `${subject.name} was already released from @${pool.name}.`,
        "It will leave by itself.",
      );
    }
    const electorate = newBallots(pool, subject.peer_id, people, now);
    if (electorate.length < 2) {
      throw new CctError(
        "bad_request",
        `${subject.name} is the only member of @${pool.name}.`,
        "No vote is needed: leave_pool.",
      );
    }
    const all = await openProposals(sql, pool.pool_id);
    const open = all.find((one) => one.subject_id === subject.peer_id);
    if (open) {
      throw new CctError(
        "conflict",
        `A proposal to release ${subject.name} is already open: ${shortId(open.proposal_id)}.`,
        "Vote on it: vote_release.",
      );
    }
    if (caller.kind === "peer") {
      const first = "Decide those first: vote_release, or withdraw yours: decide_release.";
      requireBelow(all.length, MAX_PROPOSALS, `Too many proposals are open in @${pool.name}`, first);
      const mine = await countProposalsBy(sql, caller.peer.peer_id);
      requireBelow(mine, MAX_PROPOSALS, "Too many of your proposals are open", first);
    }
    const deadline = now + (input.deadline_seconds === undefined ? DEFAULT_DEADLINE_MS : input.deadline_seconds * 1000);
    const me = caller.kind === "peer" ? caller.peer.peer_id : "operator";
    const proposal: Proposal = {
      proposal_id: context.newId(),
      pool_id: pool.pool_id,
      subject_id: subject.peer_id,
      subject: subject.name,
      proposer_id: me,
      proposer: caller.kind === "peer" ? caller.peer.name : "the operator",
      reason,
      state: "open",
      outcome: "",
      created_at: now,
      deadline,
      decided_at: null,
    };
    const ballots = caller.kind === "peer" ? castVote(electorate, me, "yes") : electorate;
    await insertProposal(sql, proposal, ballots);
    context.changed({ what: "attention" });
    const voters = votersOf(ballots);
    const minutes = Math.max(1, Math.round((deadline - now) / 60_000));
    await report(context, {
      to: voters.flatMap((voter) => (voter.peer_id === me ? [] : (people.peer(voter.peer_id) ?? []))),
      pool,
      text: proposed(
        { by: callerName(caller), subject: subject.name, pool: pool.name, reason },
        {
          id: proposal.proposal_id.slice(0, ID_IN_NOTICE),
          minutes,
          needed: countVotes(ballots).needed,
          voters: voters.length,
        },
        ballots.flatMap(({ name, excluded }) => (excluded === null ? [] : [`${name} (${excluded})`])),
      ),
      urgency: "normal",
      topic: releaseOf(pool.pool_id, subject.peer_id),
    });
    return toProposalShape(sql, await settleVotes(context, proposal));
  },
});

/** Whether the caller may see a proposal: its voters and everyone who can see the pool from inside may. */
async function mayKnow(sql: Sql, proposal: Proposal, caller: Caller): Promise<boolean> {
  if (caller.kind !== "peer") return true;
  const me = caller.peer.peer_id;
  const pool = await findPool(sql, proposal.pool_id);
  if (pool && visibilityOf(pool, me) === "inside") return true;
  return (await ballotsOf(sql, proposal.proposal_id)).some((ballot) => ballot.peer_id === me);
}

async function proposalNamed(sql: Sql, ref: string, caller: Caller): Promise<Proposal> {
  const found: Proposal[] = [];
  for (const one of await findProposals(sql, ref.trim())) if (await mayKnow(sql, one, caller)) found.push(one);
  const [only] = found;
  if (only && found.length === 1) return only;
  if (found.length > 1) {
    throw new CctError(
      "ambiguous",
      `'${ref.slice(0, 40)}' matches ${found.length} proposals: ${found.map((one) => `${one.proposal_id.slice(0, 12)} (${one.subject})`).join(", ")}.`,
      "Use more characters of the id.",
    );
  }
  throw new CctError(
    "not_found",
    `There is no proposal '${ref.slice(0, 40)}'.`,
    "Use the proposal_id, or at least its first 4 characters; see pool_status.",
  );
}

/** Throws `conflict`, with the outcome, when a proposal is not open. */
function refuseDecided(proposal: Proposal): void {
  if (proposal.state === "open") return;
  throw new CctError(
    "conflict",
    `The proposal to release ${proposal.subject} is ${proposal.state}: ${proposal.outcome}.`,
    "A decision is final; make a new proposal if things have changed.",
  );
}

const proposalId = z.string().min(4).max(64).describe("the proposal's id, or its first 4 or more characters");

export const voteRelease = operation({
  name: "vote_release",
  by: ["peer"],
  repeatable: "always",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "release vote <proposal_id> <vote>",
  example: "release vote 7c31 yes --as web",
  tool: { title: "Vote on a release", readOnly: false },
  doc: "Votes on a proposal to release a member. You can change your vote until it is decided.",
  input: z.strictObject({ proposal_id: proposalId, vote: z.enum(votes) }),
  output: proposalShape,
  async run(context, input) {
    const { sql, confirmed, caller } = context;
    const me = callingPeer(context);
    const proposal = await proposalNamed(sql, input.proposal_id, caller);
    refuseDecided(proposal);
    const before = await ballotsOf(sql, proposal.proposal_id);
    const ballots = castVote(before, me.peer_id, input.vote);
    if (confirmed >= proposal.deadline) {
      throw new CctError("conflict", "The voting time is over.", "Make a new proposal if it is still wanted.");
    }
    const mine = ballots.find((ballot) => ballot.peer_id === me.peer_id);
    if (mine) await updateBallot(sql, proposal.proposal_id, mine);
    context.changed({ what: "attention" });
    return toProposalShape(sql, await settleVotes(context, proposal));
  },
});

export const decideRelease = operation({
  name: "decide_release",
  by: ["peer", "operator"],
  repeatable: "never",
  errors: ["not_found", "ambiguous", "conflict"],
  cli: "release decide <proposal_id> <decision>",
  example: "release decide 7c31 passed",
  doc: "Ends an open proposal: the operator decides passed, rejected or withdrawn; its proposer can withdraw it.",
  input: z.strictObject({
    proposal_id: proposalId,
    decision: z.enum(["passed", "rejected", "withdrawn"]),
  }),
  output: proposalShape,
  async run(context, input) {
    const { sql, caller } = context;
    const proposal = await proposalNamed(sql, input.proposal_id, caller);
    const isMine = caller.kind === "peer" && caller.peer.peer_id === proposal.proposer_id;
    if (caller.kind === "peer" && !(isMine && input.decision === "withdrawn")) {
      throw new CctError(
        "forbidden",
        "Only the operator can decide a proposal; its proposer can withdraw it.",
        "Vote on it: vote_release.",
      );
    }
    refuseDecided(proposal);
    const pool = await findPool(sql, proposal.pool_id);
    if (pool && caller.kind === "peer") requireActiveMember(pool, caller.peer.peer_id);
    const by = caller.kind === "peer" ? `${proposal.proposer} withdrew it` : "the operator decided it";
    return toProposalShape(sql, await conclude(context, proposal, input.decision, by));
  },
});
