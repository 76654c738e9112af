/** A message: what became of it, step by step, for each recipient. */
import type { OutputOf } from "../operations/index.ts";
import { hasFailed } from "../rules/delivery.ts";
import { talkOf } from "../rules/talk/key.ts";
import { addresseeOf } from "../rules/texts/people.ts";
import { useAsked } from "./asked.ts";
import { confirmHeld } from "./doing.ts";
import { expectation } from "./expect.ts";
import { Fact } from "./facts.tsx";
import { replyTo } from "./reply.ts";
import { go, route } from "./route.ts";
import { call } from "./source.ts";
import { messages, peerOf } from "./state.ts";
import { openTalk } from "./talk-state.ts";
import { OneLine } from "./text.tsx";
import { copy, say } from "./toast.tsx";
import type { MessageRow } from "./types.ts";
import { Button, Icon, PeerName, StateOf } from "./ui.tsx";
import { exactTime, hhmmss, number, plural } from "./words.ts";

type Whole = OutputOf<"message_details">;
type WholeReceipt = Whole["recipients"][number];

const SHOWN = 30;
const VIA = {
  wake: ", it was woken",
  tool: ", beside a tool result",
  stop: ", before it went idle",
  prompt: ", with a prompt",
  check: ", it checked for mail",
};

export function MessageDetails({ id }: { id: string }) {
  const known = [...messages.value, ...openTalk.value.list].find((one) => one.message_id === id);
  const states = JSON.stringify(known?.states);
  const { found: message, problem } = useAsked("the message", () => call("message_details", { message_id: id }), [
    id,
    states,
  ]);
  if (!message) return <p class="quiet">{problem || "Loading…"}</p>;
  const unread = message.recipients.filter(hasFailed);
  const held = message.recipients.filter(({ state }) => state === "held");
  return (
    <>
      <header class="insp-head">
        <Icon name="talk" size={16} />
        <h2>Message</h2>
      </header>
      <p class="insp-from">
        <PeerName id={message.from} otherwise={message.from_name} /> to{" "}
        <b>{addresseeOf(message.to, message.recipients)}</b> at{" "}
        <span title={exactTime(message.sent_at)}>{hhmmss(message.sent_at)}</span>
      </p>
      <p class="insp-summary clip">
        <OneLine text={message.text} of={240} />
      </p>
      <div class="insp-actions">
        {route.value.view === "talk" ? (
          <Button kind="small" icon="reply" onClick={() => replyTo(message)}>
            Reply
          </Button>
        ) : (
          <Button kind="small" icon="talk" onClick={() => go("talk", talkOf(message), id)}>
            Conversation
          </Button>
        )}
        {unread.length > 0 && (
          <Button kind="small" icon="again" run={() => sendAgain(message)}>
            Send again
          </Button>
        )}
        {held.length > 0 && <Held message={message} held={held} />}
        <Button kind="small" icon="copy" onClick={() => void copy(message.text)}>
          Text
        </Button>
      </div>
      <h3>What became of it</h3>
      {message.recipients.length === 0 && <p class="quiet">Nobody was there to get it.</p>}
      <ol class="trail">
        {message.recipients.slice(0, SHOWN).map((one) => (
          <Trail key={one.peer_id} message={message} receipt={one} />
        ))}
      </ol>
      {message.recipients.length > SHOWN && <p class="quiet">and {message.recipients.length - SHOWN} more</p>}
      <dl class="facts">
        <Fact name="Urgency">{message.urgency}</Fact>
        <Fact name="Length">{plural(message.characters, "character")}</Fact>
        <Fact name="Answers">{message.replies.length === 0 ? "none yet" : number(message.replies.length)}</Fact>
        <Fact name="Id" mono>
          {message.message_id}
        </Fact>
      </dl>
    </>
  );
}

async function sendAgain({ message_id }: MessageRow): Promise<void> {
  const { recipients } = await call("resend_message", { message_id });
  say(`${plural(recipients.length, "recipient")}: queued once more`);
}

function Held({ message: { message_id }, held }: { message: MessageRow; held: readonly WholeReceipt[] }) {
  const [only] = held;
  const to = held.length === 1 && only ? `to ${only.name}` : `to ${held.length} sessions`;
  const decide = (decision: "accept" | "refuse"): void =>
    confirmHeld(decision, 1, to, async () => {
      for (const { peer_id: peer } of held) await call("decide_held", { message_id, peer, decision });
      say(decision === "accept" ? "Let through" : "Refused; the sender sees it");
    });
  return (
    <>
      <Button kind="primary small" onClick={() => decide("accept")}>
        Let through…
      </Button>
      <Button kind="small" onClick={() => decide("refuse")}>
        Refuse…
      </Button>
    </>
  );
}

function Trail({ message, receipt }: { message: MessageRow; receipt: WholeReceipt }) {
  const { peer_id, name, delivered_at, read_at, attempts, via, reason, state } = receipt;
  const peer = peerOf(peer_id);
  return (
    <li>
      <div class="trail-who">
        <PeerName id={peer_id} otherwise={name} />
        <StateOf one={receipt} />
      </div>
      <ul>
        <li>sent {hhmmss(message.sent_at)}</li>
        {delivered_at !== undefined && (
          <li>
            delivered {hhmmss(delivered_at)}
            {via === undefined ? "" : VIA[via]}
          </li>
        )}
        {read_at !== undefined && (
          <li>
            read {hhmmss(read_at)}
            {peer && ": its model went on with it in view"}
          </li>
        )}
        {attempts > 1 && <li class="bad">{attempts} attempts</li>}
        {reason !== undefined && <li class={hasFailed(receipt) ? "bad" : ""}>{reason}</li>}
        {state === "queued" && peer && <li>{expectation(peer, message.urgency)}</li>}
      </ul>
    </li>
  );
}
