/** Draws the map on a canvas. Colours are read once for each drawing; lines and cut names are kept while places stay. */
import { type Box, groupsOf, type Line, type Place, pointAt, withRoom } from "./circle.ts";
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

/** With more sessions names are small, or only those of repositories. */
export const MANY = 40;
/** With more sessions there is no room for two lines side by side. */
const CROWDED = 10;
/** Arc that a name needs. */
const NAME_PX = 9.5;
const FONT = "Inter, sans-serif";

/** Kept free around the circle, for names. */
export const roomFor = (count: number, side: number): number =>
  count > MANY ? Math.min(128, side * 0.17) : Math.min(110, side * 0.16);

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
    if (!isNamed && !near.has(place.id)) continue;
    if (isMany) drawAlong(context, picture, place, about, colour, near, isDim);
    else drawBeside(context, picture, place, about, colour, isDim);
  }
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
    const text = shortened(context, first.repo, isFlat ? 120 : width / 2 - Math.abs(x) - 4);
    const { width: length } = context.measureText(text);
    const left = isFlat ? x - length / 2 : middle < Math.PI ? x : x - length;
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
  context.translate(radius + 13, 0);
  if (angle > Math.PI) {
    context.rotate(Math.PI);
    context.textAlign = "right";
  }
  let shown = cut.get(id);
  if (shown === undefined) {
    shown = shortened(context, name, roomFor(places.length, side) - 22);
    cut.set(id, shown);
  }
  context.fillText(shown, 0, 0.5);
  context.restore();
}

/** Name and summary beside the point. */
function drawBeside(
  context: CanvasRenderingContext2D,
  { radius, width, focus, places }: Picture,
  { id, angle }: Place,
  { name, about, presence }: Drawn,
  colour: Colour,
  isDim: boolean,
): void {
  const [x, y] = pointAt(angle, radius);
  const isFlat = Math.abs(Math.sin(angle)) < 0.3;
  const isRight = angle < Math.PI;
  const [atX, atY] = [x + (isFlat ? 0 : isRight ? 14 : -14), y + (isFlat ? (Math.cos(angle) > 0 ? -30 : 18) : -7)];
  const space = isFlat ? 190 : Math.min(190, width / 2 - Math.abs(x) - 20);
  context.textBaseline = "middle";
  context.textAlign = isFlat ? "center" : isRight ? "left" : "right";
  context.font = `${id === focus ? 650 : presence === "blocked" ? 600 : 500} 12.5px ${FONT}`;
  context.fillStyle = colour(nameColour(presence, id === focus, isDim));
  context.fillText(shortened(context, name, space), atX, atY);
  // At the top and the bottom neighbours stand side by side.
  if (isFlat && places.length > CROWDED) return;
  context.font = `400 12px ${FONT}`;
  context.fillStyle = colour("--text-3");
  context.fillText(shortened(context, about, space), atX, atY + 16);
}

/** As much of a text as there is room for. */
function shortened(context: CanvasRenderingContext2D, text: string, room: number): string {
  if (room < 12) return "";
  if (context.measureText(text).width <= room) return text;
  let [fits, tooLong] = [0, text.length];
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (context.measureText(`${text.slice(0, middle)}…`).width <= room) fits = middle;
    else tooLong = middle;
  }
  return `${text.slice(0, fits)}…`;
}
