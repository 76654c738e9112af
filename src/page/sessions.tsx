/** The sessions, by machine and repository. Places never change by activity, so that one finds them again. */
import { useComputed, useSignal } from "@preact/signals";
import { memo } from "preact/compat";
import { asksForMail, shownName } from "../rules/agents.ts";
import { repoOf } from "../rules/texts/people.ts";
import { OnDemand, part } from "./on-demand.tsx";
import { chosen } from "./route.ts";
import { order, peerOf, peers, presenceCounts, spans } from "./state.ts";
import { Name } from "./text.tsx";
import type { Peer, Presence, Spans } from "./types.ts";
import { Dot, Icon, presenceText } from "./ui.tsx";
import { plural } from "./words.ts";
import { now } from "./world.ts";

const HOUR_MS = 3_600_000;
/** Sessions that are away for longer are folded into one line. */
const FOLD_MS = 24 * HOUR_MS;
/** With fewer sessions a text filter is not needed. */
const FILTER_FROM = 13;
const VIRTUAL_FROM = 30;
/** Needed with many sessions only: the first of them are drawn meanwhile. */
const virtual = part("The rest of the list", () => import("./virtual.ts"));

/** The last hour as one stripe. */
function stripe(all: Spans | undefined, to: number): string {
  if (!all || all.length === 0) return "";
  const from = to - HOUR_MS;
  const at = (time: number): string => `${(Math.min(1, Math.max(0, (time - from) / HOUR_MS)) * 100).toFixed(1)}%`;
  const stops = all.flatMap(([start, state], i) => {
    const end = all[i + 1]?.[0] ?? to;
    return end < from ? [] : [`var(--p-${state}) ${at(start)} ${at(end)}`];
  });
  const first = all[0]?.[0] ?? to;
  if (first > from) stops.unshift(`transparent 0 ${at(first)}`);
  return stops.length === 0 ? "" : `linear-gradient(90deg, ${stops.join(", ")})`;
}

const PeerRow = memo(function PeerRow({ id }: { id: string }) {
  const peer = peers.get(id)?.value;
  if (!peer) return null;
  const show = (): void => {
    chosen.value = { kind: "peer", id };
  };
  const line = stripe(spans.value.get(id), now.value);
  const isChosen = chosen.value?.id === id;
  return (
    <div
      class={`peer ${peer.presence} ${isChosen ? "selected" : ""}`}
      data-item
      data-peer={id}
      tabIndex={0}
      role="row"
      onClick={show}
      onKeyDown={(event) => {
        if (event.key === "Enter" && event.target === event.currentTarget) show();
      }}
    >
      <span role="cell" class="peer-who">
        <Dot presence={peer.presence} />
        <span class="two-lines">
          <b title={shownName(peer)}>
            <Name of={peer.name} />
            {peer.agent && <span class="agent"> ({peer.agent})</span>}
            {peer.muted && <Icon name="belloff" size={13} />}
          </b>
          <small class="peer-state">{presenceText(peer)}</small>
        </span>
      </span>
      <span role="cell" class="peer-doing two-lines">
        <span class="summary" title={peer.summary}>
          <bdi dir="auto">{peer.summary || "no summary yet"}</bdi>
        </span>
        <small>
          {peer.branch && (
            <span class="branch" title={peer.branch}>
              <Icon name="branch" size={12} />
              <bdi>{peer.branch}</bdi>
            </span>
          )}
          {peer.hooks === "quiet" && !asksForMail(peer) && <span class="bad">no live hook</span>}
          {peer.hooks === "unwritable" && <span class="bad">its machine cannot write mail</span>}
          {peer.hooks === "unserved" && <span class="bad">its session server is gone</span>}
        </small>
      </span>
      <span role="cell" class="peer-stripe">
        {line !== "" && <i style={{ background: line }} />}
        <span class="sr">{presenceText(peer)}</span>
      </span>
      <span role="cell" class="peer-mail">
        {peer.waiting > 0 && (
          <span title={`${plural(peer.waiting, "message")} waiting`}>
            <Icon name="mail" size={14} />
            {peer.waiting > 99 ? "99+" : peer.waiting}
            <span class="sr"> waiting</span>
          </span>
        )}
      </span>
    </div>
  );
});

type Filter = Presence | "all" | "mail";
const FILTERS: [filter: Filter, text: string][] = [
  ["all", "All"],
  ["blocked", "Blocked"],
  ["active", "Active"],
  ["busy", "Busy"],
  ["idle", "Idle"],
  ["offline", "Offline"],
  ["mail", "With mail"],
];

type RowData = { head: { host: string; repo: string }; size: number } | { id: string };

const isIn = (peer: Peer, filter: Filter): boolean =>
  filter === "all" || (filter === "mail" ? peer.waiting > 0 : peer.presence === filter);

const isLongAway = (peer: Peer, at: number): boolean =>
  peer.presence === "offline" && peer.waiting === 0 && at - peer.last_seen > FOLD_MS;

function matches(peer: Peer, text: string): boolean {
  const words = `${shownName(peer)} ${repoOf(peer)} ${peer.host} ${peer.branch ?? ""} ${peer.summary}`.toLowerCase();
  return words.includes(text.toLowerCase());
}

export function Sessions() {
  const filter = useSignal<Filter>("all");
  const text = useSignal("");
  const isUnfolded = useSignal(false);
  const view = useComputed(() => {
    const groups = new Map<string, { head: { host: string; repo: string }; ids: string[] }>();
    let folded = 0;
    for (const id of order.value) {
      const peer = peerOf(id);
      if (!peer || !isIn(peer, filter.value) || !matches(peer, text.value)) continue;
      if (filter.value === "all" && text.value === "" && !isUnfolded.value && isLongAway(peer, now.peek())) {
        folded++;
        continue;
      }
      const key = `${peer.host}\n${repoOf(peer)}`;
      const group = groups.get(key) ?? { head: { host: peer.host, repo: repoOf(peer) }, ids: [] };
      group.ids.push(id);
      groups.set(key, group);
    }
    const rows = [...groups.values()].flatMap(({ head, ids }): RowData[] => [
      { head, size: ids.length },
      ...ids.map((id) => ({ id })),
    ]);
    return { rows, folded };
  });
  const { rows, folded } = view.value;
  return (
    <section class="card peers" aria-labelledby="sessions-heading">
      <header class="card-head">
        <h2 id="sessions-heading">Sessions</h2>
        <Filters filter={filter.value} choose={(next) => (filter.value = next)} />
        {order.value.length >= FILTER_FROM && (
          <label class="find">
            <Icon name="search" size={14} />
            <input
              type="search"
              placeholder="Filter by name, repository, branch"
              aria-label="Filter sessions"
              value={text.value}
              onInput={(event) => (text.value = event.currentTarget.value)}
            />
          </label>
        )}
      </header>
      <div role="table" aria-label="Sessions" aria-rowcount={rows.length} class="peer-table">
        <div class="peer-columns" role="row">
          <span role="columnheader">Session</span>
          <span role="columnheader">What it does</span>
          <span role="columnheader">Last hour</span>
          <span role="columnheader">Mail</span>
        </div>
        <div role="rowgroup">
          {rows.length > VIRTUAL_FROM ? (
            <OnDemand
              of={virtual}
              meanwhile={rows.slice(0, VIRTUAL_FROM).map(rowOf)}
              lacking={(title, whatToDo) => (
                <>
                  {rows.slice(0, VIRTUAL_FROM).map(rowOf)}
                  <div role="row" class="lacking">
                    <div role="cell">
                      <b>{title}.</b> {whatToDo}
                    </div>
                  </div>
                </>
              )}
            >
              {({ Virtual }) => (
                <Virtual near="main" size={57} data={rows}>
                  {rowOf}
                </Virtual>
              )}
            </OnDemand>
          ) : (
            rows.map(rowOf)
          )}
        </div>
        {rows.length === 0 && folded === 0 && <p class="quiet">No session is like that.</p>}
      </div>
      {folded > 0 && (
        <button type="button" class="more" onClick={() => (isUnfolded.value = true)}>
          Show {folded} offline for longer than a day
        </button>
      )}
    </section>
  );
}

function Filters({ filter, choose }: { filter: Filter; choose: (next: Filter) => void }) {
  const withMail = order.value.filter((id) => (peerOf(id)?.waiting ?? 0) > 0).length;
  const count = (of: Filter): number =>
    of === "all" ? order.value.length : of === "mail" ? withMail : presenceCounts.value[of];
  return (
    <div class="filters" role="group" aria-label="Show">
      {FILTERS.filter(([of]) => of === "all" || of === filter || count(of) > 0).map(([of, text]) => (
        <button type="button" aria-pressed={filter === of} onClick={() => choose(of)}>
          {of !== "all" && of !== "mail" && <Dot presence={of} size={10} />}
          {text} <b>{count(of)}</b>
        </button>
      ))}
    </div>
  );
}

const rowOf = (row: RowData) =>
  "head" in row ? <Group key={`${row.head.host}/${row.head.repo}`} {...row} /> : <PeerRow key={row.id} id={row.id} />;

const Group = ({ head: { host, repo }, size }: { head: { host: string; repo: string }; size: number }) => (
  <div class="group" role="row">
    <span role="rowheader">
      <Icon name="machine" size={13} />
      <bdi class="host">{host}</bdi>
      <i>/</i>
      <b>
        <bdi>{repo}</bdi>
      </b>
      <small>{size}</small>
    </span>
  </div>
);
