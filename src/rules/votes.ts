/**
 * Votes on releasing a peer from a pool. Who may vote is frozen when the proposal is made; the tally looks at nothing
 * but that snapshot and the votes in it, so that neither their order nor who joins, leaves or dies later counts.
 */
import { CctError } from "../platform/errors.ts";

export const votes = ["yes", "no", "abstain"] as const;
export type Vote = (typeof votes)[number];

export const proposalStates = ["open", "passed", "rejected", "expired", "withdrawn"] as const;
export type ProposalState = (typeof proposalStates)[number];

export const DEFAULT_DEADLINE_MS = 10 * 60_000;

export interface Ballot {
  peer_id: string;
  /** The voter's name when the proposal was made. */
  name: string;
  vote: Vote | null;
}

export interface VoteCount {
  voters: number;
  /** Votes for it that it takes: more than half; of two voters, both. */
  needed: number;
  yes: number;
  no: number;
  abstain: number;
  /** `open` while those who have not voted can still decide it. */
  state: "open" | "passed" | "rejected";
}

export function countVotes(ballots: readonly Ballot[]): VoteCount {
  const count = (vote: Vote | null): number => ballots.filter((ballot) => ballot.vote === vote).length;
  const voters = ballots.length;
  const needed = Math.floor(voters / 2) + 1;
  const yes = count("yes");
  const state = yes >= needed ? "passed" : yes + count(null) < needed ? "rejected" : "open";
  return { voters, needed, yes, no: count("no"), abstain: count("abstain"), state };
}

/** The ballots with one vote cast or changed. Throws for who is no voter. */
export function castVote(ballots: readonly Ballot[], peerId: string, vote: Vote): Ballot[] {
  if (!ballots.some((ballot) => ballot.peer_id === peerId)) {
    throw new CctError(
      "forbidden",
      "You are no voter of this proposal: only members at the moment it was made are.",
      `Voters: ${ballots.map((ballot) => ballot.name).join(", ")}.`,
    );
  }
  return ballots.map((ballot) => (ballot.peer_id === peerId ? { ...ballot, vote } : ballot));
}

/** The tally in words: `2 of 3 voted yes, 2 needed; carol has not voted`. */
export function voteSummary(ballots: readonly Ballot[]): string {
  const { voters, needed, yes, no, abstain } = countVotes(ballots);
  const silent = ballots.filter((ballot) => ballot.vote === null).map((ballot) => ballot.name);
  const parts = [
    `${yes} of ${voters} voted yes, ${needed} needed`,
    ...(no > 0 ? [`${no} no`] : []),
    ...(abstain > 0 ? [`${abstain} abstained`] : []),
    ...(silent.length > 0 ? [`${silent.slice(0, 8).join(", ")}${silent.length > 8 ? " …" : ""} did not vote`] : []),
  ];
  return parts.join("; ");
}
