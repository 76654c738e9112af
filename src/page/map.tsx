/** Who talks with whom: a circle, and the same in words beside it, which is the map of the keyboard and of screen readers. */
import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { OutputOf } from "../operations/index.ts";
import { shownGone, shownName } from "../rules/agents.ts";
import { pairKey } from "../rules/talk/key.ts";
import { repoOf } from "../rules/texts/people.ts";
import { useAsked } from "./asked.ts";
import { liner, type Place, placesOf, type Standing } from "./circle.ts";
import { type Drawn, draw, type Edge, pathOf } from "./map-draw.ts";
import { MANY, radiusIn } from "./map-names.ts";
import { showTravels } from "./map-travel.ts";
import { chosen, go } from "./route.ts";
import { call } from "./source.ts";
import { nameOf, OPERATOR, order, peerOf, peers } from "./state.ts";
import { Name } from "./text.tsx";
import { Empty, Icon, Seg } from "./ui.tsx";
import { number, plural } from "./words.ts";

type Traffic = OutputOf<"traffic">;

const AGAIN_MS = 10_000;
/** The strongest pairs get a line. */
const LINES = 260;
const ROWS = 60;
/** A message to a pool goes to each member, so it says less about each pair. */
const POOL_WEIGHT = 0.25;
/** With more sessions than this, offline ones without messages are left out. */
const LEAVE_OUT_FROM = 60;

const TIMES = [
  ["15", "15 min", "15 minutes"],
  ["60", "1 h", "hour"],
  ["1440", "24 h", "day"],
] as const;
type Minutes = (typeof TIMES)[number][0];

interface Pair {
  a: string;
  b: string;
  messages: number;
  weight: number;
  /** The last known names of those that were removed. */
  gone: ReadonlyMap<string, string>;
}

function pairsOf(traffic: Traffic | undefined): Pair[] {
  const all = new Map<string, Pair>();
  for (const { from, from_name, to, to_name, direct, pool, gone = [] } of traffic?.pairs ?? []) {
    const key = pairKey(from, to);
    const [a = "", b = ""] = key.split("~");
    const names = { from: [from, from_name], to: [to, to_name] } as const;
    const known = all.get(key) ?? { a, b, messages: 0, weight: 0, gone: new Map(gone.map((who) => names[who])) };
    known.messages += direct + pool;
    known.weight += direct + pool * POOL_WEIGHT;
    all.set(key, known);
  }
  return [...all.values()].sort((a, b) => b.weight - a.weight);
}

/** Sessions in their order, and you, once there is mail of yours. */
function standing(pairs: readonly Pair[]): Standing[] {
  const isFull = order.value.length > LEAVE_OUT_FROM;
  const talking = new Set(pairs.flatMap(({ a, b }) => [a, b]));
  const all = order.value.flatMap((id): Standing[] => {
    const peer = peerOf(id);
    if (!peer || (isFull && peer.presence === "offline" && !talking.has(id))) return [];
    return [{ id, machine: peer.host, repo: repoOf(peer) }];
  });
  return talking.has(OPERATOR) ? [...all, { id: OPERATOR, machine: "you", repo: "you" }] : all;
}

function drawnOf(id: string): Drawn {
  const peer = peers.get(id)?.peek();
  if (id === OPERATOR || !peer) return { name: nameOf(id), about: "", presence: "you" };
  return { name: shownName(peer), about: peer.summary, presence: peer.presence };
}

export function MapView() {
  const minutes = useSignal<Minutes>("60");
  /** What is pointed at in the circle; and whose pair has the focus in the list, which then stays whole: keys lead through it. */
  const pointed = useSignal<string | undefined>(undefined);
  const focused = useSignal<string | undefined>(undefined);
  const wanted = minutes.value;
  const { found: traffic, problem } = useAsked(
    "who writes to whom",
    () => call("traffic", { minutes: Number(wanted) }),
    [wanted],
    AGAIN_MS,
  );
  const all = useMemo(() => pairsOf(traffic), [traffic]);
  const stand = standing(all);
  const key = stand.map(({ id, machine, repo }) => `${id} ${machine} ${repo}`).join();
  const places = useMemo(() => placesOf(stand), [key]);
  const ranked = useMemo(() => {
    const known = new Set(places.map(({ id }) => id));
    const isKnown = (id: string, { gone }: Pair): boolean => known.has(id) || gone.has(id);
    return all.filter((pair) => isKnown(pair.a, pair) && isKnown(pair.b, pair));
  }, [all, places]);
  const strongest = useMemo(() => ranked.slice(0, LINES), [ranked]);
  if (order.value.length === 0)
    return (
      <Empty icon="map" title="Nobody to draw yet">
        <p>Sessions stand on a circle here, and lines show who writes to whom.</p>
      </Empty>
    );
  const sessions = places.filter(({ id }) => id !== OPERATOR).length;
  const left = order.value.length - sessions;
  const time = TIMES.find(([one]) => one === wanted)?.[2] ?? "";
  return (
    <div class="page map-page">
      <header class="page-head">
        <div>
          <h1>Who talks with whom</h1>
          <p class="lead">
            {plural(sessions, "session")}, {plural(ranked.length, "pair")} in the last {time}
            {left > 0 ? ` · ${left} offline and without messages, not drawn` : ""}
          </p>
        </div>
        <div class="head-actions">
          <Seg
            label="Time"
            value={minutes.value}
            options={TIMES.map(([value, text]) => [value, text] as const)}
            onChange={(next) => (minutes.value = next)}
          />
        </div>
      </header>
      {problem !== "" && <p class="quiet">{problem}</p>}
      <div class="map-grid">
        <Circle
          places={places}
          pairs={strongest}
          focus={pointed.value ?? focused.value}
          look={(id) => (pointed.value = id)}
        />
        <Ranked pairs={ranked} focus={pointed.value} look={(id) => (focused.value = id)} />
      </div>
    </div>
  );
}

interface CircleProps {
  places: readonly Place[];
  pairs: readonly Pair[];
  focus: string | undefined;
  look: (id: string | undefined) => void;
}

function Circle({ places, pairs, focus, look }: CircleProps) {
  const box = useRef<HTMLDivElement>(null);
  const lines = useRef<HTMLCanvasElement>(null);
  const dots = useRef<HTMLCanvasElement>(null);
  const size = useSignal({ width: 0, height: 0 });
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const watch = new ResizeObserver(() => {
      size.value = { width: element.clientWidth, height: element.clientHeight };
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, [size]);
  const { width, height } = size.value;
  const side = Math.min(width, height);
  const radius = radiusIn(places.length, size.value);
  const edges = useMemo(() => edgesOf(places, pairs, radius), [places, pairs, radius]);
  const current = useRef(edges);
  current.current = edges;
  const cut = useMemo(() => new Map<string, string>(), [places, width, height]);
  // Presence shows in the points.
  const presences = places.map(({ id }) => peerOf(id)?.presence).join();
  useEffect(() => {
    const canvas = lines.current;
    if (!canvas || side < 100) return;
    const picture = { width, height, radius, places, edges: [...edges.values()], drawn: drawnOf, focus, cut };
    draw(canvas, picture);
    // The font may come later.
    let isThere = true;
    void document.fonts.ready.then(() => isThere && draw(canvas, picture));
    return () => {
      isThere = false;
    };
  }, [width, height, edges, focus, presences]);
  useEffect(() => {
    const canvas = dots.current;
    return canvas ? showTravels(canvas, { width, height }, () => current.current) : undefined;
  }, [width, height, places]);

  /** The one nearest to the pointer; `undefined` in the middle. */
  function at(event: MouseEvent): string | undefined {
    const [x, y] = [event.offsetX - width / 2, event.offsetY - height / 2];
    if (places.length > MANY && Math.hypot(x, y) < radius - 20) return undefined;
    const angle = (Math.atan2(x, -y) + 2 * Math.PI) % (2 * Math.PI);
    let best: { id: string; off: number } | undefined;
    for (const place of places) {
      const off = Math.abs(place.angle - angle);
      const short = Math.min(off, 2 * Math.PI - off);
      if (short < (best?.off ?? 0.35)) best = { id: place.id, off: short };
    }
    return best?.id;
  }

  return (
    <div class="map-box" ref={box}>
      <canvas
        ref={lines}
        role="img"
        aria-label={`Circle of ${places.length}; the list of pairs says the same`}
        onMouseMove={(event) => look(at(event))}
        onMouseLeave={() => look(undefined)}
        onClick={(event) => {
          const id = at(event);
          if (id !== undefined && id !== OPERATOR) chosen.value = { kind: "peer", id };
        }}
      />
      <canvas ref={dots} class="dots" aria-hidden="true" />
    </div>
  );
}

function edgesOf(places: readonly Place[], pairs: readonly Pair[], radius: number): Map<string, Edge> {
  const byId = new Map(places.map((place) => [place.id, place]));
  const lineOf = liner(places, radius);
  const edges = new Map<string, Edge>();
  for (const { a, b, weight } of pairs) {
    const [from, to] = [byId.get(a), byId.get(b)];
    if (!from || !to || a === b) continue;
    const line = lineOf(from, to);
    edges.set(pairKey(a, b), { a, b, weight, line, path: pathOf(line) });
  }
  return edges;
}

/** A removed one by the name that it had last. */
const PairName = ({ id, gone }: { id: string; gone: ReadonlyMap<string, string> }) => (
  <b title={shownGone(nameOf(id, gone.get(id)), gone.has(id))}>
    <Name of={nameOf(id, gone.get(id))} />
    {gone.has(id) && <span class="agent"> (gone)</span>}
  </b>
);

function Ranked({ pairs, focus, look }: { pairs: readonly Pair[] } & Pick<CircleProps, "focus" | "look">) {
  const found = focus === undefined ? pairs : pairs.filter(({ a, b }) => a === focus || b === focus);
  const rows = found.toSorted((a, b) => b.messages - a.messages).slice(0, ROWS);
  const most = Math.max(1, rows[0]?.messages ?? 0);
  return (
    <section class="card pairs" aria-label="Pairs">
      <header class="card-head">
        <h2>{focus === undefined ? "Most messages" : `With ${nameOf(focus)}`}</h2>
      </header>
      {rows.length === 0 && <p class="quiet">Nobody wrote to anybody in this time.</p>}
      <ol>
        {rows.map(({ a, b, messages, gone }) => (
          <li key={`${a}~${b}`}>
            <button
              type="button"
              data-item
              onFocus={() => look(a === OPERATOR ? b : a)}
              onBlur={() => look(undefined)}
              onClick={() => go("talk", `${a}~${b}`)}
            >
              <span class="pair">
                <PairName id={a} gone={gone} />
                <Icon name="pair" size={12} />
                <PairName id={b} gone={gone} />
              </span>
              <span class="bar">
                <i style={{ width: `${(100 * messages) / most}%` }} />
              </span>
              <span class="num">{number(messages)}</span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
