/** Statements about proposals and their ballots. */
import type { OpenVote } from "../rules/attention-facts.ts";
import { grouped } from "../rules/grouped.ts";
import { type Ballot, type ProposalState, proposalStates, votes } from "../rules/votes.ts";
import { integer, integerOrNull, oneOf, text, textOrNull } from "./row.ts";
import type { Row, Sql } from "./store.ts";

export interface Proposal {
  proposal_id: string;
  pool_id: string;
  subject_id: string;
  subject: string;
  /** `peer_id`, or `operator`. */
  proposer_id: string;
  proposer: string;
  reason: string;
  state: ProposalState;
  /** Why it is in this state. */
  outcome: string;
  created_at: number;
  deadline: number;
  decided_at: number | null;
}

const COLUMNS =
  "p.proposal_id, p.pool_id, p.subject_id, s.name AS subject, p.proposer_id, p.proposer, p.reason, p.state, p.outcome, p.created_at, p.deadline, p.decided_at";
const FROM = "FROM proposals p JOIN peers s ON s.peer_id = p.subject_id";

function toProposal(row: Row): Proposal {
  return {
    proposal_id: text(row, "proposal_id"),
    pool_id: text(row, "pool_id"),
    subject_id: text(row, "subject_id"),
    subject: text(row, "subject"),
    proposer_id: text(row, "proposer_id"),
    proposer: text(row, "proposer"),
    reason: text(row, "reason"),
    state: oneOf(row, "state", proposalStates),
    outcome: text(row, "outcome"),
    created_at: integer(row, "created_at"),
    deadline: integer(row, "deadline"),
    decided_at: integerOrNull(row, "decided_at"),
  };
}

export async function insertProposal(sql: Sql, proposal: Proposal, ballots: readonly Ballot[]): Promise<void> {
  await sql(
    `INSERT INTO proposals (proposal_id, pool_id, subject_id, proposer_id, proposer, reason, state, outcome, created_at, deadline, decided_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    proposal.proposal_id,
    proposal.pool_id,
    proposal.subject_id,
    proposal.proposer_id,
    proposal.proposer,
    proposal.reason,
    proposal.state,
    proposal.outcome,
    proposal.created_at,
    proposal.deadline,
    proposal.decided_at,
  );
  for (const ballot of ballots) {
    await sql(
      "INSERT INTO ballots (proposal_id, peer_id, name, vote, excluded) VALUES ($1, $2, $3, $4, $5)",
      proposal.proposal_id,
      ballot.peer_id,
      ballot.name,
      ballot.vote,
      ballot.excluded,
    );
  }
}

/** Stores the outcome of a proposal. */
export async function updateProposal(sql: Sql, proposal: Proposal): Promise<void> {
  await sql(
    "UPDATE proposals SET state = $2, outcome = $3, decided_at = $4 WHERE proposal_id = $1",
    proposal.proposal_id,
    proposal.state,
    proposal.outcome,
    proposal.decided_at,
  );
}

export async function updateBallot(sql: Sql, proposalId: string, ballot: Ballot): Promise<void> {
  await sql(
    "UPDATE ballots SET vote = $3 WHERE proposal_id = $1 AND peer_id = $2",
    proposalId,
    ballot.peer_id,
    ballot.vote,
  );
}

/** Proposals whose id starts with the prefix; at most ten. */
export async function findProposals(sql: Sql, prefix: string): Promise<Proposal[]> {
  const key = prefix.toLowerCase();
  if (!/^[0-9a-f]{4,32}$/.test(key)) return [];
  const rows = await sql(
    `SELECT ${COLUMNS} ${FROM} WHERE p.proposal_id >= $1 AND p.proposal_id < $2 LIMIT 10`,
    key,
    `${key}g`,
  );
  return rows.map(toProposal);
}

export async function openProposals(sql: Sql, poolId: string): Promise<Proposal[]> {
  const rows = await sql(
    `SELECT ${COLUMNS} ${FROM} WHERE p.pool_id = $1 AND p.state = 'open' ORDER BY p.created_at, p.proposal_id`,
    poolId,
  );
  return rows.map(toProposal);
}

/** Open proposals of all pools, with their ballots; those that end first. */
export async function openVotes(sql: Sql, limit: number): Promise<OpenVote[]> {
  const proposals = await sql(
    `SELECT ${COLUMNS}, l.name AS pool ${FROM} JOIN pools l ON l.pool_id = p.pool_id
     WHERE p.state = 'open' ORDER BY p.deadline LIMIT $1`,
    limit,
  );
  const ballots = await sql(
    `SELECT b.proposal_id, b.peer_id, b.name, b.vote, b.excluded FROM ballots b WHERE b.proposal_id IN (
       SELECT p.proposal_id FROM proposals p WHERE p.state = 'open' ORDER BY p.deadline LIMIT $1) ORDER BY b.name`,
    limit,
  );
  const of = grouped(ballots, (row) => text(row, "proposal_id"));
  return proposals.map((row) => ({
    pool: text(row, "pool"),
    ballots: (of.get(text(row, "proposal_id")) ?? []).map(toBallot),
    ...toProposal(row),
  }));
}

/** The number of open proposals by a peer in all pools. */
export async function countProposalsBy(sql: Sql, proposerId: string): Promise<number> {
  const [row] = await sql(
    "SELECT count(*) AS proposals FROM proposals WHERE proposer_id = $1 AND state = 'open'",
    proposerId,
  );
  return row ? integer(row, "proposals") : 0;
}

/** Open proposals that a peer made, is the subject of, or votes on. */
export async function openProposalsOf(sql: Sql, peerId: string): Promise<Proposal[]> {
  const rows = await sql(
    `SELECT ${COLUMNS} ${FROM} WHERE p.state = 'open' AND (p.proposer_id = $1 OR p.subject_id = $1
       OR p.proposal_id IN (SELECT b.proposal_id FROM ballots b WHERE b.peer_id = $1)) ORDER BY p.created_at, p.proposal_id`,
    peerId,
  );
  return rows.map(toProposal);
}

/** Open proposals past their deadline. */
export async function dueProposals(sql: Sql, now: number): Promise<Proposal[]> {
  const rows = await sql(`SELECT ${COLUMNS} ${FROM} WHERE p.state = 'open' AND p.deadline <= $1 LIMIT 1000`, now);
  return rows.map(toProposal);
}

export async function ballotsOf(sql: Sql, proposalId: string): Promise<Ballot[]> {
  const rows = await sql(
    "SELECT peer_id, name, vote, excluded FROM ballots WHERE proposal_id = $1 ORDER BY name",
    proposalId,
  );
  return rows.map(toBallot);
}

const toBallot = (row: Row): Ballot => ({
  peer_id: text(row, "peer_id"),
  name: text(row, "name"),
  vote: textOrNull(row, "vote") === null ? null : oneOf(row, "vote", votes),
  excluded: textOrNull(row, "excluded"),
});
