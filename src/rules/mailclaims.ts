/** What the mail machine in `mailroom.ts` tells the broker of its claims. */
import type { Claim, Outcome } from "./delivery.ts";
import { atBroker, emptyFile } from "./mailfile.ts";
import type { Acknowledgement, Mailroom } from "./mailjobs.ts";
import { claimsIn, deliveryMethodOf, type TakenFile } from "./spoolfile.ts";

export const expectMail = (state: Mailroom): Mailroom => ({ ...state, broker: { ...state.broker, mayHaveMail: true } });

export const without = (set: ReadonlySet<string>, gone: readonly string[]): Set<string> =>
  new Set([...set].filter((one) => !gone.includes(one)));

/** What to tell the broker of a file that was shown. */
export function reportOn({ content, batch, stage }: TakenFile): Acknowledgement {
  const outcome = stage === "read" ? "read" : "delivered";
  return { claims: atBroker(claimsIn(content)), outcome, shown: { via: deliveryMethodOf(batch), batch } };
}

/** Returns the claims of a mail file that nobody has seen, and that is in the spool no longer. */
export function giveBack(state: Mailroom, claims: readonly Claim[]): Mailroom {
  const { file, announced } = state;
  const unseen = file.notices.map(({ message_id }) => message_id);
  return report({ ...state, file: emptyFile, announced: without(announced, unseen) }, claims, "returned");
}

/** Notes an acknowledgement of claims that are in no file any more. */
export function report(state: Mailroom, all: readonly Claim[], outcome: Outcome): Mailroom {
  const { broker, unconfirmed } = state;
  const claims = atBroker(all);
  if (claims.length === 0) return state;
  const waiting = broker.waiting + (outcome === "returned" ? claims.length : 0);
  return { ...state, broker: { ...broker, waiting }, unconfirmed: [...unconfirmed, { claims, outcome }] };
}
