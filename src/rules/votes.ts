/**
 * Votes on releasing a peer from a pool, by simple majority of a fixed electorate. The voters are fixed at the moment of the
 * proposal (`electorate.ts`). So the result depends neither on the order of votes nor on members who join, leave or die later.
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
  /** Why this member has no vote; `null`: it is a voter. */
  excluded: string | null;
}

/** The ballots that count. */
export const votersOf = (ballots: readonly Ballot[]): Ballot[] => ballots.filter(({ excluded }) => excluded === null);

export interface VoteCount {
  voters: number;
  /** The `yes` votes needed: more than half of the voters. */
  needed: number;
  yes: number;
  no: number;
  abstain: number;
  /** `open` while missing votes can still decide it. */
  state: "open" | "passed" | "rejected";
}

/** Counts the votes and decides. */
export function countVotes(all: readonly Ballot[]): VoteCount {
  const ballots = votersOf(all);
  const count = (vote: Vote | null): number => ballots.filter((ballot) => ballot.vote === vote).length;
  const voters = ballots.length;
  const needed = Math.floor(voters / 2) + 1;
  const yes = count("yes");
  const state = yes >= needed ? "passed" : yes + count(null) < needed ? "rejected" : "open";
  return { voters, needed, yes, no: count("no"), abstain: count("abstain"), state };
}

/** Casts or changes a vote. Throws `forbidden` if the peer is not a voter. */
export function castVote(ballots: readonly Ballot[], peerId: string, vote: Vote): Ballot[] {
  const mine = ballots.find((ballot) => ballot.peer_id === peerId);
  if (mine?.excluded !== null) {
    const why = mine ? mine.excluded : "only members at the time it was made have one";
    throw new CctError(
      "forbidden",
      `This session has no vote on this proposal: ${why}.`,
      `Voters: ${votersOf(ballots)
        .map((ballot) => ballot.name)
        .join(", ")}.`,
    );
  }
  return ballots.map((ballot) => (ballot.peer_id === peerId ? { ...ballot, vote } : ballot));
}

/** The count in words: `2 of 3 voted yes, 2 needed; carol did not vote`. */
export function voteSummary(ballots: readonly Ballot[]): string {
  const { voters, needed, yes, no, abstain } = countVotes(ballots);
  const silent = votersOf(ballots)
    .filter((ballot) => ballot.vote === null)
    .map((ballot) => ballot.name);
  const parts = [
    `${yes} of ${voters} voted yes, ${needed} needed`,
    ...(no > 0 ? [`${no} no`] : []),
    ...(abstain > 0 ? [`${abstain} abstained`] : []),
    ...(silent.length > 0 ? [`${silent.slice(0, 8).join(", ")}${silent.length > 8 ? " …" : ""} did not vote`] : []),
  ];
  return parts.join("; ");
}
