/** Names around the map's circle: how large the circle may be, where each name stands, and how much of it fits. All of it is inside. */
import { type Box, pointAt, withRoom } from "./circle.ts";

interface Size {
  width: number;
  height: number;
}

/** With more sessions names are small, or only those of repositories. */
export const MANY = 40;
/** Between what is drawn and the edge of the picture. */
const EDGE = 4;
/** Between a point and its name. */
const GAP = 14;
/** Of two lines above or below the circle. */
const LINES = 44;
const LINE = 16;
const MOST_NAME = 190;
/** A common name fits into this. */
const NAME = 80;
/** At the top and the bottom names stand above and below their points. */
const FLAT = 0.3;

/** The radius of the circle: what is around it is for names. */
export function radiusIn(count: number, { width, height }: Size): number {
  const side = Math.min(width, height) / 2;
  if (count > MANY) return Math.max(30, side - Math.min(128, side * 0.34));
  const beside = Math.max(NAME, Math.min(124, width * 0.22));
  return Math.max(30, Math.min(side - Math.min(110, side * 0.32), width / 2 - beside, height / 2 - LINES));
}

/** What a name that stands like a ray has from the circle to the edge. */
export const rayRoom = (radius: number, { width, height }: Size, from: number): number =>
  Math.min(width, height) / 2 - radius - from - EDGE;

/** Whose name comes before others, where there is not enough room for all. */
interface Stand {
  id: string;
  angle: number;
  name: string;
  about: string;
  rank: number;
}

interface Label extends Box {
  id: string;
  isName: boolean;
  text: string;
}

type Measure = (text: string, of: { id: string; isName: boolean }) => number;

/** Names and summaries beside the points of a circle, those that have room. No two lie on each other, and none is cut by the edge. */
export function labelsOf(stands: readonly Stand[], radius: number, size: Size, measure: Measure): Label[] {
  const sorted = stands.toSorted((a, b) => a.rank - b.rank);
  const make = (isName: boolean): Label[] =>
    sorted.flatMap((stand) => labelOf(stand, isName, radius, size, (text) => measure(text, { id: stand.id, isName })));
  return withRoom([...make(true), ...make(false)]);
}

function labelOf(
  { id, angle, name, about }: Stand,
  isName: boolean,
  radius: number,
  { width, height }: Size,
  measure: (text: string) => number,
): Label[] {
  const [x, y] = pointAt(angle, radius);
  const isFlat = Math.abs(Math.sin(angle)) < FLAT;
  const isRight = angle < Math.PI;
  const [halfWidth, halfHeight] = [width / 2 - EDGE, height / 2 - EDGE];
  const room = Math.min(MOST_NAME, isFlat ? 2 * halfWidth : halfWidth - Math.abs(x) - GAP);
  const text = isName ? middleOf(name, room, measure) : beginningOf(about, room, measure);
  if (text === "") return [];
  const length = measure(text);
  const left = isFlat ? x - length / 2 : isRight ? x + GAP : x - GAP - length;
  const lines = about === "" ? 1 : 2;
  const above = Math.cos(angle) > 0;
  const first = isFlat ? (above ? y - lines * LINE + 2 : y + LINE + 2) : y - ((lines - 1) * (LINE - 2)) / 2;
  const middle = within(first, -halfHeight + LINE / 2, halfHeight - 1.5 * LINE) + (isName ? 0 : LINE);
  const from = within(left, -halfWidth, halfWidth - length);
  return [{ id, isName, text, left: from, right: from + length, top: middle - LINE / 2, bottom: middle + LINE / 2 }];
}

const within = (value: number, least: number, most: number): number => Math.max(least, Math.min(value, most));

/** Less says nothing. */
const LEAST = 12;

/** As much of the beginning of a text as there is room for. */
export const beginningOf = (text: string, room: number, measure: (text: string) => number): string =>
  cutTo(text, room, measure, (kept) => `${text.slice(0, kept)}…`);

/** The same of a name: those that are alike often differ at the end. */
export const middleOf = (name: string, room: number, measure: (text: string) => number): string =>
  cutTo(name, room, measure, (kept) => {
    const end = Math.floor(kept / 2);
    return `${name.slice(0, kept - end)}…${end === 0 ? "" : name.slice(-end)}`;
  });

function cutTo(
  text: string,
  room: number,
  measure: (text: string) => number,
  withKept: (kept: number) => string,
): string {
  if (room < LEAST) return "";
  if (measure(text) <= room) return text;
  let [fits, tooLong] = [0, text.length];
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (measure(withKept(middle)) <= room) fits = middle;
    else tooLong = middle;
  }
  return fits === 0 ? "" : withKept(fits);
}
