/**
 * The circle of the map: where each session stands, and how the line between two of them runs. Sessions stand by machine and
 * repository, so that one finds them again; lines are bundled along that order, so that 5 and 200 look alike.
 */

/** A session or person on the circle. */
export interface Standing {
  id: string;
  machine: string;
  repo: string;
}

export interface Place extends Standing {
  /** Clockwise from the top. */
  angle: number;
}

export type Point = readonly [x: number, y: number];

/** A bend of a line: two control points and an end. */
type Bend = readonly [first: Point, second: Point, end: Point];

export interface Line {
  start: Point;
  bends: Bend[];
}

/** Gaps between neighbours: in a repository, between repositories of a machine, between machines. */
const GAPS = { repo: 1, machine: 1.6, world: 2.4 };
/** Where lines meet: at their machine, at their repository. In parts of the radius. */
const MACHINE_AT = 0.34;
const REPO_AT = 0.68;
/** How strongly lines are bundled: 0 is straight. */
const BUNDLED = 0.82;

function gapBetween(a: Standing, b: Standing): number {
  if (a.machine !== b.machine) return GAPS.world;
  return a.repo === b.repo ? GAPS.repo : GAPS.machine;
}

/** In the order in which they are given: by machine, repository and name. */
export function placesOf(all: readonly Standing[]): Place[] {
  const gaps = all.map((one, i) => gapBetween(one, all[(i + 1) % all.length] ?? one));
  const whole = gaps.reduce((sum, gap) => sum + gap, 0);
  let at = 0;
  return all.map((one, i) => {
    const angle = (at / whole) * 2 * Math.PI;
    at += gaps[i] ?? 0;
    return { ...one, angle };
  });
}

export const pointAt = (angle: number, radius: number): Point => [Math.sin(angle) * radius, -Math.cos(angle) * radius];

/** Groups of neighbours with the angle of their middle, by what they share. */
export function groupsOf(places: readonly Place[]): Map<string, Place[]> {
  const groups = new Map<string, Place[]>();
  for (const place of places) {
    const key = repoKey(place);
    const group = groups.get(key);
    if (group) group.push(place);
    else groups.set(key, [place]);
  }
  return groups;
}

const repoKey = ({ machine, repo }: Standing): string => `${machine}\n${repo}`;

/** The middle of those who share a key. */
function middles(places: readonly Place[], keyOf: (place: Place) => string): Map<string, number> {
  const sums = new Map<string, { sum: number; count: number }>();
  for (const place of places) {
    const known = sums.get(keyOf(place)) ?? { sum: 0, count: 0 };
    sums.set(keyOf(place), { sum: known.sum + place.angle, count: known.count + 1 });
  }
  return new Map([...sums].map(([key, { sum, count }]) => [key, sum / count]));
}

/** Makes lines between places of this circle. */
export function liner(places: readonly Place[], radius: number): (a: Place, b: Place) => Line {
  const repos = middles(places, repoKey);
  const machines = middles(places, ({ machine }) => machine);
  const repoPoint = (place: Place): Point => pointAt(repos.get(repoKey(place)) ?? 0, radius * REPO_AT);
  const machinePoint = (place: Place): Point => pointAt(machines.get(place.machine) ?? 0, radius * MACHINE_AT);

  /** From one up to what both share, and down to the other. */
  function stations(a: Place, b: Place): Point[] {
    const [from, to] = [pointAt(a.angle, radius), pointAt(b.angle, radius)];
    if (repoKey(a) === repoKey(b)) return [from, repoPoint(a), to];
    if (a.machine === b.machine) return [from, repoPoint(a), machinePoint(a), repoPoint(b), to];
    return [from, repoPoint(a), machinePoint(a), [0, 0], machinePoint(b), repoPoint(b), to];
  }
  return (a, b) => splineOf(straightened(stations(a, b)));
}

function straightened(points: readonly Point[]): Point[] {
  const [x0, y0] = points[0] ?? [0, 0];
  const [xn, yn] = points.at(-1) ?? [0, 0];
  return points.map(([x, y], i) => {
    const part = i / (points.length - 1);
    return [
      BUNDLED * x + (1 - BUNDLED) * (x0 + part * (xn - x0)),
      BUNDLED * y + (1 - BUNDLED) * (y0 + part * (yn - y0)),
    ];
  });
}

const mixed = (a: Point, b: Point, part: number): Point => [a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part];

/** A cubic B-spline: it passes near the points, and begins and ends at the first and the last. */
function splineOf(points: readonly Point[]): Line {
  const first = points[0] ?? [0, 0];
  const last = points.at(-1) ?? first;
  const all = [first, first, ...points.slice(1, -1), last, last];
  const bends: Bend[] = [];
  for (let i = 1; i < all.length - 1; i++) {
    const [before = first, at = first, after = last] = [all[i - 1], all[i], all[i + 1]];
    const end: Point = [(before[0] + 4 * at[0] + after[0]) / 6, (before[1] + 4 * at[1] + after[1]) / 6];
    bends.push([mixed(before, at, 1 / 3), mixed(before, at, 2 / 3), end]);
  }
  bends.push([last, last, last]);
  return { start: first, bends };
}

const STEPS = 6;

/** Points along a line, for what travels on it. */
export function sampled({ start, bends }: Line): Point[] {
  const points: Point[] = [start];
  let from = start;
  for (const [first, second, end] of bends) {
    for (let i = 1; i <= STEPS; i++) points.push(onBend(from, first, second, end, i / STEPS));
    from = end;
  }
  return points;
}

function onBend(a: Point, b: Point, c: Point, d: Point, t: number): Point {
  const u = 1 - t;
  const at = (i: 0 | 1): number => u ** 3 * a[i] + 3 * u * u * t * b[i] + 3 * u * t * t * c[i] + t ** 3 * d[i];
  return [at(0), at(1)];
}

/** Where a name would stand. */
export interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const overlap = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** Of these boxes, those that have room beside the ones before them. */
export function withRoom<B extends Box>(boxes: readonly B[]): B[] {
  const taken: B[] = [];
  for (const box of boxes) if (!taken.some((one) => overlap(one, box))) taken.push(box);
  return taken;
}
