/** The first screen: who needs me, who does what, what was said just now, and what happened while I was away. */
import { useSignal } from "@preact/signals";
import { memo } from "preact/compat";
import { useEffect, useRef } from "preact/hooks";
import { talkOf } from "../rules/talk/key.ts";
import { addresseeOf, needTitle } from "../rules/texts/people.ts";
import { failedOf, heldOf } from "../rules/texts/receipts.ts";
import { Command } from "./command.tsx";
import { openCompose } from "./compose.tsx";
import { lastLook } from "./look.ts";
import { Needs, needCount } from "./needs.tsx";
import { openPalette } from "./palette.tsx";
import { go } from "./route.ts";
import { Sessions } from "./sessions.tsx";
import { isLimited, messages, nameOf, OPERATOR, order, presenceCounts, received, slowMessages } from "./state.ts";
import { Name, OneLine } from "./text.tsx";
import type { MessageRow } from "./types.ts";
import { Button, Empty, Icon, Receipts } from "./ui.tsx";
import { hhmm, number, plural } from "./words.ts";

const JUST_NOW = 24;
const RATE_MS = 2_000;

const FeedRow = memo(function FeedRow({ message }: { message: MessageRow }) {
  const to =
    message.pool === undefined
      ? nameOf(message.to_id ?? "", addresseeOf(message.to, message.recipients))
      : `@${message.pool}`;
  return (
    <li>
      <button type="button" class="feed-row" data-item onClick={() => go("talk", talkOf(message), message.message_id)}>
        <time>{hhmm(message.sent_at)}</time>
        <span class="feed-who">
          <b>
            <Name of={nameOf(message.from, message.from_name)} />
          </b>
          <Icon name="right" size={12} />
          <b>
            <Name of={to} />
          </b>
          {message.urgency === "interrupt" && <em class="urgent">interrupt</em>}
        </span>
        <span class="feed-text">
          <OneLine text={message.text} />
        </span>
        {(failedOf(message) > 0 || heldOf(message) > 0) && <Receipts message={message} />}
      </button>
    </li>
  );
});

function JustNow() {
  const isHeld = useSignal(false);
  const frozen = useRef<MessageRow[]>([]);
  const rate = useSignal(0);
  if (!isHeld.value) frozen.current = messages.value.slice(-JUST_NOW).reverse();
  const shown = frozen.current;
  const newest = shown[0]?.seq ?? 0;
  const fresh = isHeld.value ? messages.value.filter(({ seq }) => seq > newest).length : 0;
  useEffect(() => {
    let last = received.peek();
    const timer = setInterval(() => {
      rate.value = ((received.peek() - last) * 1000) / RATE_MS;
      last = received.peek();
    }, RATE_MS);
    return () => clearInterval(timer);
  }, [rate]);
  const hold = (): void => {
    isHeld.value = true;
  };
  const letGo = (): void => {
    isHeld.value = false;
  };
  return (
    <section class="card feed" aria-labelledby="feed-heading">
      <header class="card-head">
        <h2 id="feed-heading">Just now</h2>
        {fresh > 0 ? (
          <small class="rate">paused · {number(fresh)} new</small>
        ) : (
          rate.value >= 1 && <small class="rate">{Math.round(rate.value)} a second</small>
        )}
      </header>
      {shown.length === 0 ? (
        <p class="quiet">Nothing was said yet.</p>
      ) : (
        <ol onMouseEnter={hold} onMouseLeave={letGo} onFocusCapture={hold} onBlurCapture={letGo}>
          {shown.map((message) => (
            <FeedRow key={message.message_id} message={message} />
          ))}
        </ol>
      )}
    </section>
  );
}

/** What happened since the last look, from the messages that are known here. */
function Away() {
  const since = lastLook.value;
  if (since === undefined) return null;
  const missed = slowMessages.value.filter(({ sent_at, from }) => sent_at > since && from !== OPERATOR);
  if (missed.length === 0) return null;
  const bad = missed.filter((message) => failedOf(message) > 0).length;
  const mine = missed.filter(({ to_id }) => to_id === OPERATOR).length;
  const talks = new Set(missed.map(talkOf)).size;
  return (
    <p class="away">
      <Icon name="clock" size={14} />
      Since you looked at {hhmm(since)}: news in <b>{plural(talks, "conversation")}</b>
      {mine > 0 && (
        <>
          , <b>{mine} to you</b>
        </>
      )}
      {bad > 0 && (
        <>
          , <b class="bad">{bad} not delivered</b>
        </>
      )}
      .{" "}
      <button type="button" class="link" onClick={() => go("time")}>
        Show it on the time line
      </button>
    </p>
  );
}

const FirstSteps = () => (
  <Empty icon="users" title="No session is here yet">
    <p>
      A session is here as soon as a coding agent starts with CCT installed. Three steps, and this page fills by itself.
    </p>
    <ol class="steps">
      <li>
        <b>Install</b> CCT into Claude Code, once. It offers Qwen Code and Codex, too
        <Command>cct up</Command>
      </li>
      <li>
        <b>Start</b> one of them in two terminals
        <Command>claude</Command>
      </li>
      <li>
        <b>Say</b> to one of them
        <Command>list the peers and say hello to the other one</Command>
      </li>
    </ol>
    <p class="quiet">
      Already running and not here? <code>cct doctor</code> finds the part that mail cannot pass. Nothing at hand?{" "}
      <code>cct demo</code> shows it with made-up sessions. Any other agent joins as an MCP client, with{" "}
      <code>cct mcp --host &lt;its name&gt;</code>.
    </p>
  </Empty>
);

export function Now() {
  if (order.value.length === 0) return <FirstSteps />;
  const counts = presenceCounts.value;
  const states = (["active", "busy", "idle", "blocked", "offline"] as const).filter((state) => counts[state] > 0);
  return (
    <div class="page now">
      <header class="page-head">
        <div>
          <h1>{isLimited.value ? "Sessions" : needTitle(needCount())}</h1>
          <p class="lead">
            {plural(order.value.length, "session")}: {states.map((state) => `${counts[state]} ${state}`).join(", ")}
          </p>
        </div>
        {!isLimited.value && (
          <div class="head-actions">
            <button
              type="button"
              class="search-box"
              aria-label="Search and do"
              aria-keyshortcuts="/"
              onClick={() => openPalette()}
            >
              <Icon name="search" size={15} />
              <span>Search and do</span>
              <kbd>/</kbd>
            </button>
            <Button kind="primary" icon="send" keys="c" onClick={() => openCompose()}>
              Message
            </Button>
          </div>
        )}
      </header>
      <div class={`now-grid ${isLimited.value ? "alone" : ""}`}>
        <div class="now-main">
          <Needs />
          {!isLimited.value && <Away />}
          <Sessions />
        </div>
        {!isLimited.value && <JustNow />}
      </div>
    </div>
  );
}
