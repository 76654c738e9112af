/** What is asked before something that cannot be taken back: votes and held mail. What can be, is done at once. */
import { idsOf } from "./deeds.ts";

export interface Question {
  /** Names the thing. */
  title: string;
  /** What then happens. */
  text: string;
  /** The word for yes. */
  yes: string;
}

interface Need {
  name: string;
  pool?: string | undefined;
  message_id?: string | undefined;
  message_ids?: readonly string[] | undefined;
}

export function voteQuestion({ name, pool = "" }: Need, decision: "passed" | "rejected"): Question {
  const text = "This ends the vote for everybody, and cannot be taken back.";
  return decision === "passed"
    ? { title: `Release ${name} from @${pool}?`, text, yes: "Release" }
    : { title: `Keep ${name} in @${pool}?`, text, yes: "Keep" };
}

export function heldQuestion(need: Need, decision: "accept" | "refuse"): Question {
  const count = idsOf(need).length;
  const what = count === 1 ? "1 message" : `${count} messages`;
  return decision === "accept"
    ? {
        title: `Let ${what} through to ${need.name}?`,
        text: "What was let through cannot be called back.",
        yes: "Let through",
      }
    : {
        title: `Refuse ${what} to ${need.name}?`,
        text: "Refused mail is never delivered; its senders are told.",
        yes: "Refuse",
      };
}

export const serviceQuestion = ({ name }: Need): Question => ({
  title: `Remove ${name} from the list?`,
  text: "Only its owner can put it there again.",
  yes: "Remove",
});
