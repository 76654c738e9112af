/** Where a new message is written. */
import { type Signal, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { type Attempt, attemptOf } from "../rules/talk/attempt.ts";
import { AddressField } from "./address-field.tsx";
import { Dialog } from "./dialog.tsx";
import { expectation, poolExpectation } from "./expect.ts";
import { useSending } from "./sending.ts";
import { link, membersOf, peers, poolAt } from "./state.ts";
import type { Urgency } from "./types.ts";
import { Button, Failure, Seg } from "./ui.tsx";
import { newMessageId } from "./world.ts";

const URGENCIES: (readonly [Urgency, string])[] = [
  ["low", "Low"],
  ["normal", "Normal"],
  ["interrupt", "Interrupt"],
];

export const UrgencyChoice = ({ of }: { of: Signal<Urgency> }) => (
  <Seg
    label="Urgency"
    value={of.value}
    options={URGENCIES}
    onChange={(next) => {
      of.value = next;
    }}
  />
);

function expected(address: string, urgency: Urgency): string {
  const peer = [...peers.values()].find(({ value }) => value.name === address)?.value;
  if (peer) return expectation(peer, urgency);
  const pool = poolAt(address);
  if (pool) return poolExpectation(pool, membersOf(pool), urgency);
  return "You write as the operator: sessions see that a person wrote it.";
}

export function ComposeDialog({ first, close }: { first: string; close: () => void }) {
  const address = useSignal(first);
  const urgency = useSignal<Urgency>("normal");
  const text = useSignal("");
  const attempt = useRef<Attempt | undefined>(undefined);
  const { isSending, problem, send } = useSending();
  async function submit(): Promise<void> {
    if (isSending.value || address.value.trim() === "" || text.value.trim() === "") return;
    const outgoing = { to: address.value, text: text.value, urgency: urgency.value };
    attempt.current = attemptOf(attempt.current, outgoing, newMessageId);
    await send(outgoing, attempt.current, close);
  }
  const canSend = address.value.trim() !== "" && text.value.trim() !== "" && link.value === "live" && !isSending.value;
  return (
    <Dialog class="compose" label="New message" close={close}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <header>
          <h2>New message</h2>
          <Button kind="ghost" icon="x" label="Close" onClick={close} />
        </header>
        <div class="field">
          <span>To</span>
          <AddressField hasFocus={first === ""} value={address.value} onChange={(next) => (address.value = next)} />
        </div>
        <div class="field">
          <span>Urgency</span>
          <UrgencyChoice of={urgency} />
        </div>
        <label class="field">
          <span>Text</span>
          <textarea
            data-first={first !== ""}
            rows={6}
            value={text.value}
            onInput={(event) => (text.value = event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) void submit();
            }}
          />
        </label>
        <p class="expect" aria-live="polite">
          {expected(address.value, urgency.value)}
        </p>
        {problem.value && <Failure error={problem.value} close={() => (problem.value = undefined)} />}
        <footer>
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" kind="primary" icon="send" disabled={!canSend}>
            Send
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
