/** The state of a form that sends: whether it is sending, and why it could not. */
import { type Signal, useSignal } from "@preact/signals";
import type { Attempt, Outgoing } from "../rules/talk/attempt.ts";
import { sendCarefully } from "./doing.ts";
import { Refusal } from "./source.ts";

interface Sending {
  isSending: Signal<boolean>;
  problem: Signal<Refusal | undefined>;
  send(outgoing: Outgoing, attempt: Attempt, done: () => void): Promise<void>;
}

export function useSending(): Sending {
  const isSending = useSignal(false);
  const problem = useSignal<Refusal | undefined>(undefined);
  async function send(outgoing: Outgoing, { message_id }: Attempt, done: () => void): Promise<void> {
    isSending.value = true;
    problem.value = undefined;
    try {
      await sendCarefully(outgoing, message_id, done);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problem.value = error;
    } finally {
      isSending.value = false;
    }
  }
  return { isSending, problem, send };
}
