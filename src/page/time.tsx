/** The time line: the presence of each session, and when it sent and got mail. */
import { useSignal } from "@preact/signals";
import { memo } from "preact/compat";
import { useAsked } from "./asked.ts";
import { chosen } from "./route.ts";
import { order, peerOf, peers } from "./state.ts";
import { Name } from "./text.tsx";
import { BARS, type Mail, readTimeline, type Timeline, ticksIn, timeIn, type Window } from "./time-state.ts";
import type { Presence, Spans } from "./types.ts";
import { Button, Dot, Empty, Seg } from "./ui.tsx";
import { List } from "./virtual.ts";
import { hhmm, number, plural, span } from "./words.ts";
import { now, timeNow } from "./world.ts";

const HOUR_MS = 3_600_000;
const AGAIN_MS = 10_000;
const VIRTUAL_FROM = 24;
const PRESENCES: readonly Presence[] = ["active", "busy", "idle", "blocked", "offline"];

const HOURS = [
  ["1", "1 h"],
  ["2", "2 h"],
  ["4", "4 h"],
  ["24", "24 h"],
] as const;
type Hours = (typeof HOURS)[number][0];

export function Time() {
  const hours = useSignal<Hours>("2");
  /** The end of the window; `undefined`: now. */
  const end = useSignal<number | undefined>(undefined);
  const length = Number(hours.value) * HOUR_MS;
  const fixed = end.value;
  const { found, problem } = useAsked(
    "this window of time",
    () => {
      const to = fixed ?? timeNow();
      return readTimeline({ from: to - length, to });
    },
    [length, fixed],
    fixed === undefined ? AGAIN_MS : undefined,
  );

  /** Moves the window by half of its length, and back to the present at its end. */
  function move(by: number): void {
    const next = (end.value ?? timeNow()) + (by * length) / 2;
    // A step forward undoes a step back, although time goes on.
    end.value = next > timeNow() - length / 4 ? undefined : next;
  }
  if (order.value.length === 0)
    return (
      <Empty icon="activity" title="No time to show yet">
        <p>What each session does, minute by minute, is drawn here.</p>
      </Empty>
    );
  return (
    <div class="page time-page">
      <header class="page-head">
        <div>
          <h1>Where the time went</h1>
          <p class="lead">{found ? about(found) : problem || "Loading…"}</p>
        </div>
        <div class="head-actions">
          <Button kind="small" icon="back" label="Earlier (←)" keys="ArrowLeft" onClick={() => move(-1)} />
          <Button
            kind="small"
            icon="right"
            label="Later (→)"
            keys="ArrowRight"
            disabled={end.value === undefined}
            onClick={() => move(1)}
          />
          <Seg label="Length" value={hours.value} options={[...HOURS]} onChange={(next) => (hours.value = next)} />
        </div>
      </header>
      {found && <Card line={found} />}
    </div>
  );
}

function about({ from, to, messages, isPartial }: Timeline): string {
  const days = to - from > 12 * HOUR_MS || to < now.value - 12 * HOUR_MS;
  const start = days
    ? `${new Date(from).toLocaleDateString(undefined, { weekday: "short" })} ${hhmm(from)}`
    : hhmm(from);
  const count = isPartial ? `the latest ${number(messages)} messages` : plural(messages, "message");
  return `${start} to ${hhmm(to)}: ${count} between ${plural(order.value.length, "session")}`;
}

function Card({ line }: { line: Timeline }) {
  const ids = order.value;
  const isTall = ids.length > VIRTUAL_FROM;
  const row = (id: string) => (
    <Row key={id} id={id} window={line} spans={line.spans.get(id) ?? NONE} mail={line.mail.get(id) ?? NO_MAIL} />
  );
  return (
    <section class="card time-card" aria-label="Time line">
      <Bars line={line} />
      <Axis window={line} />
      <div class={`time-rows ${isTall ? "tall" : ""}`}>{isTall ? <List data={ids}>{row}</List> : ids.map(row)}</div>
      <footer class="legend">
        {PRESENCES.map((state) => (
          <span key={state}>
            <i class={`key key-${state}`} />
            {state}
          </span>
        ))}
        <span>
          <i class="key key-sent" />
          sent
        </span>
        <span>
          <i class="key key-got" />
          received
        </span>
        <span>
          <i class="key key-lost" />
          not delivered
        </span>
      </footer>
    </section>
  );
}

const NONE: Spans = [];
const NO_MAIL: Mail = { sent: [], got: [], lost: [] };
/** The width of every picture, in units of its own. */
const WIDTH = 1000;

function Bars({ line: { bars, messages } }: { line: Timeline }) {
  const most = Math.max(4, ...bars.map((bar) => bar.messages));
  const width = WIDTH / BARS;
  const height = (count: number): number => (count / most) * 42;
  return (
    <div class="time-row time-hist">
      <span class="time-name">
        <small>Messages</small>
      </span>
      <svg
        class="time-track"
        viewBox={`0 0 ${WIDTH} 48`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${messages} messages`}
      >
        {bars.map((bar, i) => (
          <g key={i}>
            <rect
              x={i * width + 1}
              width={width - 2}
              y={46 - height(bar.messages)}
              height={height(bar.messages)}
              class="hist"
            />
            <rect
              x={i * width + 1}
              width={width - 2}
              y={46 - height(bar.failed)}
              height={height(bar.failed)}
              class="hist-bad"
            />
          </g>
        ))}
      </svg>
      <span class="time-num">
        <small>sent / got</small>
      </span>
    </div>
  );
}

function Axis({ window }: { window: Window }) {
  const { from, to } = window;
  return (
    <div class="time-axis" aria-hidden="true">
      <span class="time-name" />
      <div class="time-ticks">
        {ticksIn(window, innerWidth < 760 ? 4 : 9).map((at) => (
          <span key={at} style={{ left: `${((at - from) / (to - from)) * 100}%` }}>
            {hhmm(at)}
          </span>
        ))}
      </div>
      <span class="time-num" />
    </div>
  );
}

/** Shape says it too: blocked is taller, offline a thin line. */
const BANDS: Record<Presence, { y: number; height: number }> = {
  active: { y: 9, height: 10 },
  busy: { y: 9, height: 10 },
  idle: { y: 9, height: 10 },
  blocked: { y: 6, height: 16 },
  offline: { y: 13, height: 2 },
};

interface RowProps {
  id: string;
  window: Window;
  spans: Spans;
  mail: Mail;
}

const Row = memo(function Row({ id, window, spans, mail }: RowProps) {
  const peer = peers.get(id)?.value;
  if (!peer) return null;
  const { from, to } = window;
  const x = (at: number): number => ((Math.min(to, Math.max(from, at)) - from) / (to - from)) * WIDTH;
  const marks = (times: readonly number[], top: number, bottom: number): string =>
    times.map((at) => `M${x(at).toFixed(1)} ${top}V${bottom}`).join("");
  const spent = timeIn(spans, window);
  const words = PRESENCES.flatMap((state) => (spent[state] ? `${state} ${span(spent[state])}` : [])).join(", ");
  const got = mail.got.length + mail.lost.length;
  return (
    <button
      type="button"
      class="time-row"
      data-item
      title={words}
      onClick={() => {
        chosen.value = { kind: "peer", id };
      }}
    >
      <span class="time-name">
        <Dot presence={peer.presence} size={10} />
        <b>
          <Name of={peerOf(id)?.name ?? ""} />
        </b>
        <span class="sr">
          : {words}; sent {mail.sent.length}, received {got}
          {mail.lost.length > 0 ? `, ${mail.lost.length} not delivered` : ""}
        </span>
      </span>
      <svg class="time-track" viewBox={`0 0 ${WIDTH} 28`} preserveAspectRatio="none" aria-hidden="true">
        {spans.map(([start, state], i) => {
          const left = x(start);
          const width = Math.max(0.8, x(spans[i + 1]?.[0] ?? to) - left);
          return <rect key={start} x={left} width={width} class={`span-${state}`} {...BANDS[state]} />;
        })}
        <path d={marks(mail.sent, 2, 8)} class="mark-sent" />
        <path d={marks(mail.got, 20, 26)} class="mark-got" />
        <path d={marks(mail.lost, 20, 28)} class="mark-lost" />
      </svg>
      <span class="time-num" aria-hidden="true">
        {mail.sent.length}
        <small> / {got}</small>
      </span>
    </button>
  );
});
