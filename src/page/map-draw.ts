/** Draws the map on a canvas. Colours are read once for each drawing; lines and cut names are kept while places stay. */
import { type Box, groupsOf, type Line, type Place, pointAt, withRoom } from "./circle.ts";
import { beginningOf, labelsOf, MANY, middleOf, rayRoom } from "./map-names.ts";
import type { Presence } from "./types.ts";

export interface Edge {
  a: string;
  b: string;
  weight: number;
  line: Line;
  path: Path2D;
}

/** How a session or person is drawn. */
export interface Drawn {
  name: string;
  about: string;
  presence: Presence | "you";
}

export interface Picture {
  width: number;
  height: number;
  radius: number;
  places: readonly Place[];
  edges: readonly Edge[];
  drawn(id: string): Drawn;
  /** The peer under the pointer or the focus. */
  focus: string | undefined;
  /** Names as they fit, by id: measuring takes long. */
  cut: Map<string, string>;
}

/** Arc that a name needs. */
const NAME_PX = 9.5;
const FONT = "Inter, sans-serif";

export function pathOf({ start, bends }: Line): Path2D {
  const path = new Path2D();
  path.moveTo(...start);
  for (const [first, second, end] of bends) path.bezierCurveTo(...first, ...second, ...end);
  return path;
}

/** The page's colours, each read once. */
export function colours(): (name: string) => string {
  const probe = document.createElement("i");
  document.body.append(probe);
  const style = getComputedStyle(probe);
  const known = new Map<string, string>();
  queueMicrotask(() => probe.remove());
  return (name) => {
    let colour = known.get(name);
    if (colour === undefined) {
      probe.style.color = `var(${name})`;
      colour = style.color;
      known.set(name, colour);
    }
    return colour;
  };
}

/** Prepares a canvas for sharp lines, with its origin in the middle. */
export function prepared(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const scale = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const context = canvas.getContext("2d");
  context?.setTransform(scale, 0, 0, scale, 0, 0);
  context?.clearRect(0, 0, width, height);
  context?.translate(width / 2, height / 2);
  return context;
}

export function draw(canvas: HTMLCanvasElement, picture: Picture): void {
  const context = prepared(canvas, picture.width, picture.height);
  if (!context) return;
  const colour = colours();
  const near = partnersOf(picture);
  const isMany = picture.places.length > MANY;
  const arc = (2 * Math.PI * (picture.radius + 13)) / (picture.places.length * 1.15);
  const isNamed = !isMany || arc >= NAME_PX;
  drawLines(context, picture, colour, isMany);
  if (isMany) drawGroups(context, picture, colour, near, isNamed);
  for (const place of picture.places) {
    const about = picture.drawn(place.id);
    const isDim = picture.focus !== undefined && !near.has(place.id);
    drawPoint(context, picture, place, about, colour, isMany ? Math.min(2.8, arc * 0.36) : 6, isDim);
    if (isMany && (isNamed || near.has(place.id))) drawAlong(context, picture, place, about, colour, near, isDim);
  }
  if (!isMany) drawBeside(context, picture, colour, near);
  context.globalAlpha = 1;
}

function partnersOf({ focus, edges }: Picture): Set<string> {
  const near = new Set<string>(focus === undefined ? [] : [focus]);
  for (const { a, b } of edges) {
    if (a === focus) near.add(b);
    if (b === focus) near.add(a);
  }
  return near;
}

type Colour = (name: string) => string;

function drawLines(context: CanvasRenderingContext2D, picture: Picture, colour: Colour, isMany: boolean): void {
  const { edges, focus } = picture;
  const most = Math.max(1, ...edges.map(({ weight }) => weight));
  for (const { a, b, weight, path } of edges) {
    const part = weight / most;
    const isOn = focus !== undefined && (a === focus || b === focus);
    const usual = isMany ? 0.1 + 0.5 * part : 0.35 + 0.45 * part;
    context.globalAlpha = focus === undefined ? usual : isOn ? 0.95 : 0.04;
    context.strokeStyle = colour(isOn ? "--accent" : "--edge");
    context.lineWidth = isMany ? 0.7 + 3 * part : 1.2 + 6 * part;
    context.stroke(path);
  }
  context.globalAlpha = 1;
}

/** An arc for each repository, with its name where sessions have none; of names that would overlap, that of the larger one. */
function drawGroups(
  context: CanvasRenderingContext2D,
  { places, radius, width, focus }: Picture,
  colour: Colour,
  near: ReadonlySet<string>,
  isNamed: boolean,
): void {
  const pad = (0.4 * 2 * Math.PI) / places.length;
  const names: (Box & { text: string; size: number })[] = [];
  for (const group of groupsOf(places).values()) {
    const [first, last] = [group[0], group.at(-1)];
    if (!first || !last) continue;
    context.beginPath();
    context.arc(0, 0, radius + 5, first.angle - pad - Math.PI / 2, last.angle + pad - Math.PI / 2);
    context.lineWidth = 3;
    context.strokeStyle = colour("--line-2");
    context.stroke();
    if (isNamed || group.some(({ id }) => near.has(id))) continue;
    const middle = (first.angle + last.angle) / 2;
    const isFlat = Math.abs(Math.sin(middle)) < 0.25;
    const [x, y] = pointAt(middle, radius + (isFlat ? 20 : 16));
    context.font = `550 12px ${FONT}`;
    const measure = (text: string): number => context.measureText(text).width;
    const text = beginningOf(first.repo, isFlat ? 120 : width / 2 - Math.abs(x) - 4, measure);
    const length = measure(text);
    const most = width / 2 - 4;
    const left = isFlat ? Math.max(-most, Math.min(x - length / 2, most - length)) : middle < Math.PI ? x : x - length;
    names.push({ text, left, right: left + length, top: y - 7, bottom: y + 7, size: group.length });
  }
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.fillStyle = colour("--text-2");
  context.globalAlpha = focus === undefined ? 1 : 0.35;
  for (const { text, left, top } of withRoom(names.sort((a, b) => b.size - a.size)))
    context.fillText(text, left, top + 7);
  context.globalAlpha = 1;
}

function drawPoint(
  context: CanvasRenderingContext2D,
  { places, radius }: Picture,
  { angle }: Place,
  { presence }: Drawn,
  colour: Colour,
  size: number,
  isDim: boolean,
): void {
  const isMany = places.length > MANY;
  const [x, y] = pointAt(angle, isMany ? radius + 5 : radius);
  const own = presence === "you" ? colour("--accent") : colour(`--p-${presence}-solid`);
  const isHollow = presence === "idle" || presence === "offline";
  context.globalAlpha = isDim ? 0.25 : 1;
  context.beginPath();
  context.arc(x, y, size, 0, 2 * Math.PI);
  context.fillStyle = isHollow ? colour("--surface") : own;
  context.fill();
  if (!isHollow) return;
  context.lineWidth = isMany ? 1.2 : 2;
  context.strokeStyle = own;
  context.stroke();
}

const nameColour = (presence: Drawn["presence"], isFocus: boolean, isDim: boolean): string =>
  isFocus ? "--accent" : presence === "blocked" ? "--amber" : isDim ? "--text-3" : "--text-2";

/** From the circle to a name that stands on it. */
const AWAY = 13;

/** A name that stands on the circle like a ray. */
function drawAlong(
  context: CanvasRenderingContext2D,
  { radius, width, height, places, focus, cut }: Picture,
  { id, angle }: Place,
  { name, presence }: Drawn,
  colour: Colour,
  near: ReadonlySet<string>,
  isDim: boolean,
): void {
  const side = Math.min(width, height);
  const size = Math.max(10, Math.min(11.5, (((side / 2 - 110) * 2 * Math.PI) / places.length) * 0.86));
  context.save();
  context.font = `${id === focus ? 650 : near.has(id) || presence === "blocked" ? 600 : 450} ${size}px ${FONT}`;
  context.fillStyle = colour(nameColour(presence, id === focus, isDim));
  context.textBaseline = "middle";
  context.rotate(angle - Math.PI / 2);
  context.translate(radius + AWAY, 0);
  if (angle > Math.PI) {
    context.rotate(Math.PI);
    context.textAlign = "right";
  }
  let shown = cut.get(id);
  if (shown === undefined) {
    shown = middleOf(name, rayRoom(radius, { width, height }, AWAY), (text) => context.measureText(text).width);
    cut.set(id, shown);
  }
  context.fillText(shown, 0, 0.5);
  context.restore();
}

/** Names and summaries beside the points. */
function drawBeside(
  context: CanvasRenderingContext2D,
  picture: Picture,
  colour: Colour,
  near: ReadonlySet<string>,
): void {
  const { places, focus, radius } = picture;
  const all = new Map(places.map(({ id }) => [id, picture.drawn(id)]));
  const isBlocked = (id: string): boolean => all.get(id)?.presence === "blocked";
  const fontOf = ({ id, isName }: { id: string; isName: boolean }): string =>
    isName ? `${id === focus ? 650 : isBlocked(id) ? 600 : 500} 12.5px ${FONT}` : `400 12px ${FONT}`;
  const measure = (text: string, of: { id: string; isName: boolean }): number => {
    context.font = fontOf(of);
    return context.measureText(text).width;
  };
  const stands = places.map(({ id, angle }) => {
    const { name = "", about = "" } = all.get(id) ?? {};
    return { id, angle, name, about, rank: id === focus ? 0 : near.has(id) ? 1 : isBlocked(id) ? 2 : 3 };
  });
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (const label of labelsOf(stands, radius, picture, measure)) {
    const { id, isName, text, left, top, bottom } = label;
    const isDim = focus !== undefined && !near.has(id);
    const tone = all.get(id)?.presence ?? "offline";
    context.globalAlpha = isDim ? 0.5 : 1;
    context.font = fontOf(label);
    context.fillStyle = colour(isName ? nameColour(tone, id === focus, isDim) : "--text-3");
    context.fillText(text, left, (top + bottom) / 2);
  }
}
