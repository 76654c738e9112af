/** What needs a person, as it is stored now. */
import { type Need, needsOf } from "../../rules/attention.ts";
import { HOUR_MS } from "../../rules/guards.ts";
import * as store from "../../store/attention.ts";
import { openVotes } from "../../store/proposals.ts";
import { troubledServices } from "../../store/services.ts";
import { together } from "../../store/together.ts";
import type { TransactionContext } from "../core/transaction.ts";

const MOST = 200;
/** Older mail needs nobody any more; guards, which nothing ends, are forgotten sooner. */
const MAIL_MS = 7 * 24 * HOUR_MS;
const GUARDS_MS = 24 * HOUR_MS;

type Now = Pick<TransactionContext, "sql" | "now" | "confirmed">;

/** The needs of the person with this id; what is not a message to somebody needs everybody who may see it. */
export async function needsFor({ sql, now, confirmed }: Now, personId: string): Promise<Need[]> {
  const since = (now - MAIL_MS) * 1000;
  const [sessions, votes, questions, held, dead, stopped, services, dismissed] = await together(
    store.troubledSessions(sql, now),
    openVotes(sql, MOST),
    store.questionsTo(sql, personId, since),
    store.heldForReview(sql),
    store.deadLetters(sql, since),
    store.guardNotes(sql, now - GUARDS_MS),
    troubledServices(sql, confirmed, MOST),
    store.dismissals(sql),
  );
  return needsOf({ sessions, votes, questions, held, dead, guards: stopped, services, dismissed }, now);
}
