/** The broker of the simulated session: its deliveries follow the real rules. */
import { claim, type Delivery } from "../../src/rules/delivery.ts";
import { fitsFrame, takeFitting } from "../../src/rules/framing.ts";
import type { ClaimedMessage } from "../../src/rules/mailfile.ts";
import type { ClaimAnswer } from "../../src/rules/mailjobs.ts";

export interface Mail {
  message: Omit<ClaimedMessage, "attempt" | "redelivered">;
  delivery: Delivery;
}

export interface Broker {
  broker: Map<string, Mail>;
  now: number;
  isBusy: boolean;
  mayWake: boolean;
}

export function queuedAt({ broker }: Broker, which: "all" | "interrupt"): ClaimedMessage[] {
  return [...broker.values()]
    .filter(
      ({ message, delivery }) => delivery.state === "queued" && (which === "all" || message.urgency === "interrupt"),
    )
    .map(({ message, delivery }) => ({ ...message, redelivered: delivery.redelivered, attempt: delivery.attempt }));
}

export function claimFrom({ broker, now }: Broker, messages: readonly ClaimedMessage[]): ClaimedMessage[] {
  return messages.flatMap((message) => {
    const mail = broker.get(message.message_id);
    const next = mail && claim(mail.delivery, now);
    if (!mail || !next) return [];
    mail.delivery = next;
    return [{ ...message, attempt: next.attempt, redelivered: next.redelivered }];
  });
}

export function claimAnswer(at: Broker, budget: number): ClaimAnswer {
  const which = at.isBusy ? "interrupt" : "all";
  const queued = queuedAt(at, which);
  const messages = claimFrom(at, takeFitting(queued.filter(fitsFrame), budget));
  const rest = queuedAt(at, which);
  const too_long = queued
    .filter((one) => !fitsFrame(one))
    .map(({ message_id, from, from_name, urgency, text }) => ({
      message_id,
      from,
      from_name,
      urgency,
      characters: text.length,
    }));
  const interrupts = rest.filter(({ urgency }) => urgency === "interrupt").length;
  return { messages, remaining: rest.length, interrupts, quiet: at.isBusy, may_wake: at.mayWake, too_long };
}
