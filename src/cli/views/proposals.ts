/** Proposals to release a member, and their votes. */
import type { OutputOf } from "../../operations/index.ts";
import { oneLine, span } from "../../rules/text.ts";
import type { Screen } from "../parts/output.ts";
import { wrap } from "../parts/table.ts";

export function proposal(one: OutputOf<"propose_release">, screen: Screen, now: number): string {
  const left = one.state === "open" ? `, ${span(one.deadline - now)} left` : "";
  const votes = one.votes.map(({ name, vote }) => `${name} ${vote}`).join(", ");
  const without = one.without_vote.map(({ name, reason }) => `${name} (${reason})`).join(", ");
  return [
    `${one.state}: release ${oneLine(one.subject)} (proposal ${one.proposal_id.slice(0, 8)}${left})`,
    `  ${oneLine(`${one.proposer}: ${one.reason}`, 500)}`,
    `  ${oneLine(one.outcome, 500)}`,
    ...(without ? [`  no vote: ${oneLine(without, 500)}`] : []),
    ...(votes ? [`  votes: ${oneLine(votes, 500)}`] : []),
  ]
    .map((line) => `${wrap(screen, line, 4)}\n`)
    .join("");
}
