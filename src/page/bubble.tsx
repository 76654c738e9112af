/** One message: who to whom, its text, and what became of it. */
import { useSignal } from "@preact/signals";
import { memo } from "preact/compat";
import { useEffect, useRef } from "preact/hooks";
import { talkOf } from "../rules/talk/key.ts";
import { addresseeOf } from "../rules/texts/people.ts";
import { isUnread } from "../rules/texts/receipts.ts";
import { replyTo } from "./reply.ts";
import { addressOf, chosen, route } from "./route.ts";
import { markShown } from "./shown.ts";
import { BROKER, nameOf, OPERATOR, peers } from "./state.ts";
import { Body, OneLine } from "./text.tsx";
import { copy } from "./toast.tsx";
import type { MessageRow } from "./types.ts";
import { Button, Dot, Icon, PeerName, Receipts } from "./ui.tsx";
import { exactTime, hhmm, plural } from "./words.ts";

/** Longer texts are cut. */
const LONG = 1_400;
const LONG_LINES = 18;
const JOINED_MS = 120_000;

interface BubbleProps {
  message: MessageRow;
  prev: MessageRow | undefined;
  parent: MessageRow | undefined;
}

/** Messages of one sender in a row have one heading, unless there is something to say of one. */
function isJoined({ message, prev }: BubbleProps): boolean {
  if (!prev || prev.from !== message.from || prev.to !== message.to) return false;
  const isPlain = message.reply_to === undefined && message.urgency === "normal" && prev.urgency === "normal";
  return isPlain && message.sent_at - prev.sent_at < JOINED_MS && !message.recipients[0]?.redelivered;
}

/** What the broker reports, on one line. */
function Notice({ message }: { message: MessageRow }) {
  const { message_id: id, text, sent_at } = message;
  return (
    <button
      type="button"
      class="notice"
      data-item
      data-message={id}
      onClick={() => {
        chosen.value = { kind: "message", id };
      }}
    >
      <Icon name="server" size={13} />
      <span>
        <OneLine text={text} of={240} />
      </span>
      <time title={exactTime(sent_at)}>{hhmm(sent_at)}</time>
    </button>
  );
}

export const Bubble = memo(function Bubble(props: BubbleProps) {
  if (props.message.from === BROKER) return <Notice message={props.message} />;
  return <Said {...props} />;
});

function Said(props: BubbleProps) {
  const { message, parent } = props;
  const { message_id: id, from, urgency } = message;
  const place = useRef<HTMLElement>(null);
  const isNews = isUnread(message);
  useEffect(() => (isNews ? markShown(message, place.current) : undefined), [id, isNews]);
  const isChosen = chosen.value?.id === id || (chosen.value === undefined && route.value.message === id);
  const show = (): void => {
    chosen.value = isChosen ? undefined : { kind: "message", id };
  };
  const joined = isJoined(props) ? "joined" : "";
  return (
    <article
      ref={place}
      class={`msg ${joined} ${from === OPERATOR ? "mine" : ""} ${urgency} ${isChosen ? "selected" : ""}`}
      data-item
      data-message={id}
      tabIndex={0}
      aria-label={`${nameOf(from, message.from_name)} to ${addresseeOf(message.to, message.recipients)}, ${hhmm(message.sent_at)}`}
      onKeyDown={(event) => {
        if (event.key === "Enter" && event.target === event.currentTarget) show();
      }}
    >
      {!joined && <Heading message={message} />}
      {parent && (
        <button
          type="button"
          class="parent"
          onClick={() => {
            chosen.value = { kind: "message", id: parent.message_id };
          }}
        >
          <Icon name="reply" size={13} />
          <b>{nameOf(parent.from, parent.from_name)}</b> <OneLine text={parent.text} of={110} />
        </button>
      )}
      <Text text={message.text} characters={message.characters} />
      <footer>
        <button type="button" class="receipt" onClick={show} title="What became of it">
          <Receipts message={message} />
        </button>
        <span class="msg-tools">
          <Button kind="ghost tiny" icon="reply" label="Reply (r)" part="r" onClick={() => replyTo(message)} />
          <Button
            kind="ghost tiny"
            icon="link"
            label="Copy a link to it"
            onClick={() => void copy(`${location.origin}${addressOf("talk", talkOf(message), id)}`)}
          />
        </span>
      </footer>
    </article>
  );
}

function Heading({ message }: { message: MessageRow }) {
  const { from, to, urgency, sent_at } = message;
  const peer = peers.get(from)?.value;
  const only = to.startsWith("@") && to.includes("/") ? to.split("/")[1] : undefined;
  return (
    <header>
      {peer && <Dot presence={peer.presence} size={10} />}
      <PeerName id={from} otherwise={message.from_name} />
      {only !== undefined && <span class="to">to {only} only</span>}
      {from === OPERATOR && <span class="chip">operator</span>}
      {urgency === "interrupt" && <span class="chip red">interrupt</span>}
      {urgency === "low" && <span class="chip">low</span>}
      {message.recipients[0]?.redelivered && <span class="chip amber">redelivered</span>}
      <time title={exactTime(sent_at)}>{hhmm(sent_at)}</time>
    </header>
  );
}

function Text({ text, characters }: { text: string; characters: number }) {
  const isWhole = useSignal(false);
  const lines = text.split("\n");
  const isLong = text.length > LONG || lines.length > LONG_LINES;
  const isCut = isLong && !isWhole.value;
  const shown = isCut
    ? lines
        .slice(0, LONG_LINES + 2)
        .join("\n")
        .slice(0, LONG)
    : text;
  const size = characters > 2048 ? `${Math.round(characters / 1024)} KB` : plural(characters, "character");
  return (
    <>
      <div class={`msg-body ${isCut ? "cut" : ""}`}>
        <Body text={shown} />
      </div>
      {isLong && (
        <Button kind="link small" onClick={() => (isWhole.value = !isWhole.value)}>
          {isWhole.value ? "Show less" : `Show all (${size}, ${plural(lines.length, "line")})`}
        </Button>
      )}
    </>
  );
}
