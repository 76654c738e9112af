/** Messages that travel along the lines of the map: a point for each, on a canvas of its own, thirty pictures a second. */

import { pairKey } from "../rules/talk/key.ts";
import { type Point, sampled } from "./circle.ts";
import { colours, type Edge, prepared } from "./map-draw.ts";
import { pulses } from "./state.ts";

const TRAVEL_MS = 900;
const MOST = 60;
const SIZE = 3.2;

interface Flight {
  way: readonly Point[];
  isBack: boolean;
  begun: number;
  isUrgent: boolean;
}

/** Shows what is said from now on; the result ends that. */
export function showTravels(
  canvas: HTMLCanvasElement,
  size: { width: number; height: number },
  edges: () => ReadonlyMap<string, Edge>,
): () => void {
  const reduced = matchMedia("(prefers-reduced-motion: reduce)");
  const ways = new Map<string, readonly Point[]>();
  let flying: Flight[] = [];
  let frame = 0;
  let isSkipped = false;

  function wayOf(edge: Edge): readonly Point[] {
    const key = pairKey(edge.a, edge.b);
    const way = ways.get(key) ?? sampled(edge.line);
    ways.set(key, way);
    return way;
  }

  function step(time: number): void {
    frame = 0;
    isSkipped = !isSkipped;
    if (!isSkipped) {
      const context = prepared(canvas, size.width, size.height);
      const colour = colours();
      flying = flying.filter(({ begun }) => time - begun < TRAVEL_MS);
      for (const flight of flying) if (context) drawFlight(context, flight, time, colour);
    }
    if (flying.length > 0 || !isSkipped) frame = requestAnimationFrame(step);
  }

  const before = pulses.peek();
  const stop = pulses.subscribe((messages) => {
    if (messages === before || reduced.matches) return;
    // Times of pictures are the browser's own.
    requestAnimationFrame((time) => {
      for (const { from, to_id, recipients, urgency } of messages) {
        const to = to_id ?? recipients[0]?.peer_id ?? "";
        const edge = edges().get(pairKey(from, to));
        if (!edge || flying.length >= MOST) continue;
        flying.push({ way: wayOf(edge), isBack: from !== edge.a, begun: time, isUrgent: urgency === "interrupt" });
      }
      if (flying.length > 0 && frame === 0) frame = requestAnimationFrame(step);
    });
  });
  return () => {
    stop();
    cancelAnimationFrame(frame);
  };
}

function drawFlight(
  context: CanvasRenderingContext2D,
  { way, isBack, begun, isUrgent }: Flight,
  time: number,
  colour: (name: string) => string,
): void {
  const done = Math.max(0, (time - begun) / TRAVEL_MS);
  const at = (isBack ? 1 - done : done) * (way.length - 1);
  const [a, b] = [way[Math.floor(at)], way[Math.ceil(at)]];
  if (!a || !b) return;
  const part = at - Math.floor(at);
  context.globalAlpha = Math.min(1, 4 * (1 - done));
  context.fillStyle = colour(isUrgent ? "--red" : "--accent");
  context.beginPath();
  context.arc(a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part, SIZE, 0, 2 * Math.PI);
  context.fill();
}
