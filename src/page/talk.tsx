/** Conversations: yours, those in pools, and those between sessions, with what became of each message. */
import { memo } from "preact/compat";
import { useLayoutEffect, useRef } from "preact/hooks";
import { isMine, isPoolTalk, talkKey } from "../rules/talk/key.ts";
import { MOST_TALKS } from "../rules/talk/talks.ts";
import { failedOf, heldOf } from "../rules/texts/receipts.ts";
import { Composer } from "./composer.tsx";
import { PauseButton } from "./pause.tsx";
import { addressOf, chosen, go, route } from "./route.ts";
import { conversations, nameOf, poolAt, poolNamed, pools, slowConversations } from "./state.ts";
import { Stream } from "./stream.tsx";
import { BETWEEN, openConversation, openTalk, titleOf } from "./talk-state.ts";
import { Name, OneLine } from "./text.tsx";
import type { Conversation, Pool } from "./types.ts";
import { Button, Empty, Icon } from "./ui.tsx";
import { hhmm, span } from "./words.ts";
import { now } from "./world.ts";

interface Line {
  key: string;
  title: string;
  talk: Conversation | undefined;
  pool: Pool | undefined;
  isMine: boolean;
}

/** In the order of the last message; pools in which nothing was said come last. */
function lines(): Line[] {
  const all = slowConversations.value.map((talk): Line => {
    const key = talkKey(talk);
    const pool = talk.pool === undefined ? undefined : poolNamed(talk.pool);
    return { key, title: titleOf(key), talk, pool, isMine: isMine(key) };
  });
  const known = new Set(all.map(({ key }) => key));
  const silent = pools.value.filter(({ name }) => !known.has(`@${name}`));
  return [
    ...all,
    ...silent.map((pool) => ({ key: `@${pool.name}`, title: `@${pool.name}`, talk: undefined, pool, isMine: false })),
  ];
}

/** Each once: your own, those of pools, and the others. */
function parts(): [heading: string, lines: Line[]][] {
  const all = lines();
  const isPool = ({ key }: Line): boolean => isPoolTalk(key);
  return [
    ["With you", all.filter((line) => line.isMine)],
    ["Pools", all.filter(isPool)],
    ["Between sessions", all.filter((line) => !line.isMine && !isPool(line))],
  ];
}

const TalkList = memo(function TalkList({ current }: { current: string }) {
  const shown = useRef<[string, Line[]][]>([]);
  const isHeld = useRef(false);
  // Under the pointer the order stays, so that one hits what one aims at; what is in the rows goes on.
  const next = parts();
  if (!isHeld.current || shown.current.length === 0) shown.current = next;
  else shown.current = inOrderOf(shown.current, next);
  return (
    <nav
      class="talks"
      aria-label="Conversations"
      onMouseEnter={() => {
        isHeld.current = true;
      }}
      onMouseLeave={() => {
        isHeld.current = false;
      }}
    >
      {!current && <h1 class="sr">Conversations</h1>}
      {shown.current.map(
        ([heading, list]) =>
          list.length > 0 && (
            <section key={heading}>
              <h2>{heading}</h2>
              <ul>
                {list.map((line) => (
                  <TalkLine key={line.key} {...shownOf(line)} isCurrent={line.key === current} />
                ))}
              </ul>
            </section>
          ),
      )}
      {conversations.value.length === MOST_TALKS && (
        <p class="talks-end">
          These are the {conversations.value.length} latest. Search finds what was said in others: <kbd>/</kbd>
        </p>
      )}
    </nav>
  );
});

function inOrderOf(before: [string, Line[]][], next: [string, Line[]][]): [string, Line[]][] {
  return next.map(([heading, list], i) => {
    const places = new Map(before[i]?.[1].map((line, place) => [line.key, place]));
    return [heading, list.toSorted((a, b) => (places.get(a.key) ?? list.length) - (places.get(b.key) ?? list.length))];
  });
}

interface LineProps extends Pick<Line, "title" | "talk" | "pool"> {
  address: string;
  isCurrent: boolean;
}

/** Without objects that are made at each drawing: a line is drawn again when something in it changes. */
const shownOf = ({ key: address, title, talk, pool }: Line) => ({ address, title, talk, pool });

const TalkLine = memo(function TalkLine({ address, title, talk, pool, isCurrent }: LineProps) {
  const last = talk?.last;
  const isBad = talk !== undefined && (talk.failed > 0 || talk.held > 0 || failedOf(talk.last) + heldOf(talk.last) > 0);
  return (
    <li>
      <a
        href={addressOf("talk", address)}
        data-item
        aria-current={isCurrent ? "true" : undefined}
        onClick={(event) => {
          event.preventDefault();
          go("talk", address);
        }}
      >
        <span class="talk-top">
          <b>
            {title.split(BETWEEN).map((name, i) => (
              <bdi key={i}>
                {i > 0 && BETWEEN}
                <Name of={name} />
              </bdi>
            ))}
          </b>
          {pool?.private && <Icon name="lock" size={12} />}
          {pool?.paused && <span class="chip amber">paused</span>}
          {isBad && (
            <span class="warn" title="something in it was not delivered">
              <Icon name="alert" size={13} />
              <span class="sr">something in it was not delivered</span>
            </span>
          )}
          {(talk?.unread ?? 0) > 0 && <span class="chip accent">{talk?.unread} new</span>}
          <time>{last ? hhmm(last.sent_at) : ""}</time>
        </span>
        <span class="talk-last">
          {last ? (
            <>
              <i>{nameOf(last.from, last.from_name)}: </i>
              <OneLine text={last.text} of={90} />
            </>
          ) : (
            <i>nothing was said</i>
          )}
        </span>
      </a>
    </li>
  );
});

export function Talk() {
  // The latest when the view is opened; it stays when others are later.
  const first = useRef<string | undefined>(undefined);
  if (innerWidth > 760 && route.value.arg === "") first.current ??= lines()[0]?.key;
  const key = route.value.arg || first.current || "";
  useLayoutEffect(() => openConversation(key), [key]);
  if (conversations.value.length === 0 && pools.value.length === 0 && route.value.arg === "")
    return (
      <Empty icon="talk" title="Nothing was said yet">
        <p>When sessions write to each other, or you to them, it is here: who said what, and whether it arrived.</p>
      </Empty>
    );
  return (
    <div class={`talk ${route.value.arg ? "open" : ""}`}>
      <TalkList current={key} />
      {key && <OpenConversation key={key} talk={key} />}
    </div>
  );
}

function OpenConversation({ talk }: { talk: string }) {
  const pool = poolAt(talk);
  const last = openTalk.value.list.at(-1);
  const about = last ? `The last message came ${span(now.value - last.sent_at)} ago` : "No message yet";
  const isOver = isPoolTalk(talk) && pool === undefined;
  return (
    <section class="conversation" aria-label={titleOf(talk)}>
      <header class="talk-head">
        <span class="only-small">
          <Button kind="ghost" icon="back" label="All conversations" onClick={() => go("talk")} />
        </span>
        <div class="talk-title">
          <h1>
            <bdi>{titleOf(talk)}</bdi>
            {pool?.private && <Icon name="lock" size={14} />}
          </h1>
          <p title={pool?.purpose}>
            <bdi dir="auto">{pool?.purpose ?? (isOver ? "This pool is archived" : about)}</bdi>
          </p>
        </div>
        {pool && (
          <div class="head-actions">
            <Button
              kind="small"
              icon="users"
              label={`${pool.size} members: details`}
              onClick={() => {
                chosen.value = { kind: "pool", id: pool.pool_id };
              }}
            >
              {pool.size}
            </Button>
            <PauseButton pool={pool} />
          </div>
        )}
      </header>
      {pool?.paused && (
        <div class="banner amber" role="status">
          <Icon name="pause" />@{pool.name} is paused. What sessions say in it is held.
        </div>
      )}
      <Stream talk={talk} />
      {!isOver && <Composer key={talk} talk={talk} />}
    </section>
  );
}
