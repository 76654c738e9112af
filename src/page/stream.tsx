/** The messages of the open conversation. At the end it follows; above it says that there is something new. */
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Bubble } from "./bubble.tsx";
import { go, route } from "./route.ts";
import { OPERATOR } from "./state.ts";
import { followTalk, loadNewer, loadOlder, openTalk, showLatest, showMessage } from "./talk-state.ts";
import { Button } from "./ui.tsx";
import { List, type ListHandle } from "./virtual.ts";
import { dayOf } from "./words.ts";

/** Within this distance of the end, the list follows new messages. */
const END_PX = 80;
const TOP_PX = 200;
/** Until the rows of a conversation have their sizes, the end moves. */
const SETTLING_MS = [0, 60, 200, 400];

export function Stream({ talk }: { talk: string }) {
  const { key, list, isLoading, problem, isPast } = openTalk.value;
  const handle = useRef<ListHandle | null>(null);
  const isAtEnd = useRef(true);
  const setAtEnd = (isNow: boolean): void => {
    isAtEnd.current = isNow;
    followTalk(isNow);
  };
  const shownFirst = useRef<string | undefined>(undefined);
  const behind = useSignal(0);
  const isThis = key === talk;
  const rows = isThis ? list : [];
  const first = rows[0]?.message_id;
  const last = rows.at(-1)?.seq;
  const shownLast = useRef(0);
  /** The message of the address, once it was shown. */
  const sought = useRef("");
  const wanted = route.value.message;

  const isSettling = useRef(true);
  const toEnd = (): void => handle.current?.scrollToIndex(Number.MAX_SAFE_INTEGER, { align: "end" });
  const isThere = rows.length > 0;
  useEffect(() => {
    if (!isThere) return;
    isSettling.current = true;
    setAtEnd(wanted === "");
    const timers = wanted === "" ? SETTLING_MS.map((ms) => setTimeout(toEnd, ms)) : [];
    timers.push(
      setTimeout(() => {
        isSettling.current = false;
        scrolled(handle.current?.scrollOffset ?? 0);
      }, 500),
    );
    return () => timers.forEach(clearTimeout);
  }, [isThere]);
  useLayoutEffect(() => {
    if (last === undefined) return;
    // Not where the newest were left out.
    const isNewer = last > shownLast.current;
    shownLast.current = last;
    // Once: a reader who scrolls away from it is not brought back.
    const isSought = wanted !== sought.current;
    const at = isSought ? rows.findIndex(({ message_id }) => message_id === wanted) : -1;
    if (wanted === "" || at >= 0) sought.current = wanted;
    if (at >= 0) {
      setAtEnd(false);
      handle.current?.scrollToIndex(at, { align: "start" });
    } else if (isPast || !isNewer) return;
    else if (isAtEnd.current || rows.at(-1)?.from === OPERATOR) toEnd();
    else behind.value++;
  }, [last, wanted]);
  useEffect(() => {
    shownFirst.current = first;
  }, [first]);
  useEffect(() => {
    if (isThis && !isLoading && wanted !== sought.current) void showMessage(wanted);
  }, [isThis, isLoading, wanted]);

  function scrolled(offset: number): void {
    const list = handle.current;
    const { before, isPast } = openTalk.peek();
    if (!list || isSettling.current) return;
    setAtEnd(offset + list.viewportSize > list.scrollSize - END_PX);
    if (isAtEnd.current) behind.value = 0;
    if (offset < TOP_PX && before !== undefined) void loadOlder();
    else if (isAtEnd.current && isPast) {
      setAtEnd(false);
      void loadNewer();
    }
  }

  if (isThis && problem !== undefined) return <p class="stream quiet">{problem}</p>;
  if (rows.length === 0)
    return <p class="stream quiet">{isLoading || !isThis ? "Loading…" : "Nothing was said here yet."}</p>;
  const isGrownAbove = shownFirst.current !== undefined && shownFirst.current !== first;
  return (
    <div class="stream">
      <List handle={handle} data={rows} class="stream-list" shift={isGrownAbove} onScroll={scrolled}>
        {(message, i) => {
          const prev = rows[i - 1];
          const isNewDay = !prev || dayOf(prev.sent_at) !== dayOf(message.sent_at);
          const { reply_to } = message;
          const parent = reply_to === undefined ? undefined : rows.find((one) => one.message_id === reply_to);
          return (
            <div key={message.message_id} class={`stream-row ${i === rows.length - 1 ? "last" : ""}`}>
              {isNewDay && (
                <div class="day">
                  <span>{dayOf(message.sent_at)}</span>
                </div>
              )}
              <Bubble message={message} prev={isNewDay ? undefined : prev} parent={parent} />
            </div>
          );
        }}
      </List>
      {isPast && (
        <div class="latest">
          <Button
            kind="primary small"
            icon="latest"
            run={() => {
              go("talk", talk);
              return showLatest();
            }}
          >
            Latest messages
          </Button>
        </div>
      )}
      {behind.value > 0 && !isPast && (
        <div class="latest">
          <Button
            kind="primary small"
            icon="latest"
            onClick={() => {
              setAtEnd(true);
              behind.value = 0;
              toEnd();
            }}
          >
            New messages
          </Button>
        </div>
      )}
    </div>
  );
}
