/** Where one writes into a conversation. It says what to expect before one sends. */
import { signal, useSignal } from "@preact/signals";
import { type Attempt, attemptOf, type Outgoing } from "../rules/talk/attempt.ts";
import { othersIn } from "../rules/talk/key.ts";
import { UrgencyChoice } from "./compose-dialog.tsx";
import { expectation, poolExpectation } from "./expect.ts";
import { answered } from "./reply.ts";
import { go } from "./route.ts";
import { useSending } from "./sending.ts";
import { link, membersOf, nameOf, peerOf, poolAt } from "./state.ts";
import { openTalk, showLatest, titleOf } from "./talk-state.ts";
import { OneLine } from "./text.tsx";
import type { Urgency } from "./types.ts";
import { Button, Failure, Icon, Seg } from "./ui.tsx";
import { newMessageId } from "./world.ts";

interface Draft {
  text: string;
  /** The last one to send it. */
  attempt?: Attempt;
}

/** What was typed and not sent, by conversation: a look elsewhere loses nothing. */
const drafts = signal<Map<string, Draft>>(new Map());

function keep(talk: string, draft: Draft): void {
  drafts.value = new Map(drafts.value).set(talk, draft);
}

/** The name by which a person at another machine is addressed; sessions are by id. */
function addressOfOther(talk: string, id: string): string {
  if (peerOf(id)) return id;
  const message = openTalk.value.list.find((one) => one.from === id);
  const receipt = openTalk.value.list.flatMap((one) => one.recipients).find((one) => one.peer_id === id);
  return message?.from_name ?? receipt?.name ?? (talk.includes(id) ? id : "");
}

export function Composer({ talk }: { talk: string }) {
  const draft = drafts.value.get(talk) ?? { text: "" };
  const urgency = useSignal<Urgency>("normal");
  const chosenTo = useSignal<string | undefined>(undefined);
  const { isSending, problem, send } = useSending();
  const pool = poolAt(talk);
  const others = pool ? [] : othersIn(talk);
  const parent = openTalk.value.list.find((one) => one.message_id === answered.value?.message_id);
  // An answer goes to whom it answers.
  const asked = parent && others.includes(parent.from) ? parent.from : undefined;
  const to = chosenTo.value ?? asked ?? others[0] ?? "";
  const peer = pool ? undefined : peerOf(to);
  const name = pool ? talk : nameOf(to, addressOfOther(talk, to));

  function says(): string {
    if (pool) return poolExpectation(pool, membersOf(pool), urgency.value);
    return peer ? expectation(peer, urgency.value) : "";
  }

  async function submit(): Promise<void> {
    if (isSending.value || link.value !== "live" || draft.text.trim() === "") return;
    const outgoing: Outgoing = {
      to: pool ? talk : addressOfOther(talk, to),
      text: draft.text,
      urgency: urgency.value,
      ...(parent && { reply_to: parent.message_id }),
    };
    const attempt = attemptOf(draft.attempt, outgoing, newMessageId);
    keep(talk, { ...draft, attempt });
    await send(outgoing, attempt, () => {
      // What was typed meanwhile stays.
      if (drafts.value.get(talk)?.text === outgoing.text) keep(talk, { text: "" });
      urgency.value = "normal";
      // Nor does it disturb one who has gone elsewhere, or answers another message.
      if (answered.peek()?.message_id === outgoing.reply_to) answered.value = undefined;
      if (openTalk.peek().key !== talk || !openTalk.peek().isPast) return;
      go("talk", talk);
      void showLatest();
    });
  }

  return (
    <form
      class={`composer ${urgency.value}`}
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {parent && (
        <p class="answering">
          <Icon name="reply" size={13} />
          <b>{nameOf(parent.from, parent.from_name)}</b>
          <OneLine text={parent.text} of={90} />
          <Button
            kind="ghost tiny"
            icon="x"
            label="Do not answer this one"
            onClick={() => {
              answered.value = undefined;
            }}
          />
        </p>
      )}
      <textarea
        rows={2}
        aria-label={`Message to ${titleOf(talk)}`}
        placeholder={`Write as the operator to ${name}`}
        value={draft.text}
        onInput={(event) => keep(talk, { ...draft, text: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || !(event.metaKey || event.ctrlKey)) return;
          event.preventDefault();
          void submit();
        }}
      />
      {problem.value && <Failure error={problem.value} close={() => (problem.value = undefined)} />}
      <div class="composer-row">
        {others.length > 1 && (
          <Seg
            label="To"
            value={to}
            options={others.map((id) => [id, nameOf(id, addressOfOther(talk, id))] as const)}
            onChange={(next) => {
              chosenTo.value = next;
            }}
          />
        )}
        <UrgencyChoice of={urgency} />
        <p class="expect" aria-live="polite">
          {says()}
        </p>
        <Button
          type="submit"
          kind="primary"
          icon="send"
          disabled={draft.text.trim() === "" || link.value !== "live" || isSending.value}
        >
          Send<kbd>⌘⏎</kbd>
        </Button>
      </div>
    </form>
  );
}
