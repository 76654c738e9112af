/** A list that one moves through: which part of it is on the screen. What comes and goes never moves what is chosen. */
import { fitted, type Row } from "./rows.ts";
import type { Place } from "./state.ts";

/** Something that takes some rows. Without an id it is a heading, and cannot be chosen. */
export interface Item {
  id?: string;
  rows: Row[];
}

/** The columns before each row: a mark stands there beside what is chosen. */
export const MARGIN = 2;

interface Span {
  id: string;
  from: number;
  to: number;
}

function spansOf(items: readonly Item[]): Span[] {
  let line = 0;
  return items.flatMap(({ id, rows }) => {
    const from = line;
    line += rows.length;
    return id === undefined ? [] : [{ id, from, to: line }];
  });
}

const lengthOf = (items: readonly Item[]): number => items.reduce((sum, { rows }) => sum + rows.length, 0);

const within = (top: number, items: readonly Item[], height: number): number =>
  Math.max(0, Math.min(top, lengthOf(items) - height));

/** What is chosen is on the screen; of something longer than the screen, a part. */
export function shown(items: readonly Item[], place: Place, height: number): Place {
  const spans = spansOf(items);
  const one = spans.find(({ id }) => id === place.chosen) ?? spans[0];
  if (!one) return { chosen: undefined, top: 0 };
  let top = within(place.top, items, height);
  const isLong = one.to - one.from > height;
  if (isLong) top = Math.max(one.from, Math.min(top, one.to - height));
  // A heading above the first one is seen, too.
  else if (one.from < top) top = one === spans[0] ? 0 : one.from;
  else if (one.to > top + height) top = one.to - height;
  return { chosen: one.id, top: within(top, items, height) };
}

/** After a change of the list: what is chosen stays, in the same row of the screen. */
export function kept(before: readonly Item[], after: readonly Item[], place: Place, height: number): Place {
  const [old, now] = [spansOf(before), spansOf(after)];
  const index = old.findIndex(({ id }) => id === place.chosen);
  const was = old[index];
  if (!was) return shown(after, place, height);
  const is = now.find(({ id }) => id === was.id) ?? now[Math.min(index, now.length - 1)];
  if (!is) return { chosen: undefined, top: 0 };
  return shown(after, { chosen: is.id, top: place.top + is.from - was.from }, height);
}

/** The next or an earlier item; within something longer than the screen, further down or up in it. */
export function stepped(items: readonly Item[], place: Place, height: number, by: number): Place {
  const spans = spansOf(items);
  const index = spans.findIndex(({ id }) => id === place.chosen);
  const one = spans[index];
  if (!one) return shown(items, place, height);
  const part = Math.max(1, height - 2);
  if (by > 0 && one.to > place.top + height) return shown(items, { ...place, top: place.top + part }, height);
  if (by < 0 && one.from < place.top) return shown(items, { ...place, top: place.top - part }, height);
  const next = spans[Math.max(0, Math.min(index + by, spans.length - 1))] ?? one;
  // Upwards one comes to the end of something long.
  const top = by < 0 && next.to - next.from > height ? next.to - height : place.top;
  return shown(items, { chosen: next.id, top }, height);
}

/** A screenful further. */
export function paged(items: readonly Item[], place: Place, height: number, by: 1 | -1): Place {
  const top = within(place.top + by * Math.max(1, height - 1), items, height);
  const spans = spansOf(items);
  const seen = spans.filter(({ from, to }) => from >= top && to <= top + height);
  const atEnd = top === place.top;
  const next = by > 0 ? (atEnd ? spans.at(-1) : seen[0]) : atEnd ? spans[0] : seen.at(-1);
  return shown(items, { chosen: (next ?? spans.find(({ to }) => to > top))?.id, top }, height);
}

export function ended(items: readonly Item[], height: number, at: "first" | "last"): Place {
  const spans = spansOf(items);
  const chosen = (at === "first" ? spans[0] : spans.at(-1))?.id;
  return shown(items, { chosen, top: at === "first" ? 0 : lengthOf(items) }, height);
}

/** The rows on the screen, `height` of them. */
export function visibleRows(items: readonly Item[], place: Place, height: number, hasFocus: boolean): Row[] {
  const rows = items.flatMap(({ id, rows: own }) => own.map((row, i) => marked(row, id, i)));
  const part = rows.slice(place.top, place.top + height);
  return [...part, ...Array.from({ length: Math.max(0, height - part.length) }, () => [])];

  function marked(row: Row, id: string | undefined, i: number): Row {
    const inside = row.map((area) => ({ ...area, at: area.at + MARGIN }));
    if (id === undefined || id !== place.chosen) return inside;
    const mark = { at: 0, pieces: fitted([{ text: i === 0 ? "›" : "│", tone: hasFocus ? "accent" : "quiet" }], 1) };
    return [mark, ...inside];
  }
}

/** The ids of items whose last row is on the screen. */
export const endsOnScreen = (items: readonly Item[], top: number, height: number): string[] =>
  spansOf(items)
    .filter(({ to }) => to > top && to <= top + height)
    .map(({ id }) => id);
