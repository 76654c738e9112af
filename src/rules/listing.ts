/** Pages of listings: a bounded number of rows, and a marker where the next page begins. */
import { CctError } from "../platform/errors.ts";

/** The largest page that anybody may ask for, unless the setting for pages is larger; and the largest that it can be. */
const MAX_ASKED = 500;
export const MAX_PAGE = 5000;

/** The rows of a page. `usual`: the setting. A caller that asks for more than allowed gets that, and where to go on. */
export const pageSize = (asked: number | undefined, usual: number): number =>
  Math.min(asked ?? usual, Math.max(MAX_ASKED, usual));

/** The place of a row in its listing's order: numbers first, its id last. */
export type Place = readonly [...numbers: number[], id: string];

/** The marker of the last row of a page. */
const markerOf = (place: Place): string => place.join(".");

/** The place that a marker names; `undefined` without one. `numbers`: how many there are before the id. Throws `bad_request`. */
export function placeAfter(marker: string | undefined, numbers: number): { numbers: number[]; id: string } | undefined {
  if (marker === undefined) return undefined;
  const parts = marker.split(".");
  const found = parts.slice(0, numbers).map(Number);
  const id = parts[numbers] ?? "";
  if (parts.length !== numbers + 1 || id === "" || !found.every((one) => Number.isSafeInteger(one))) throw noPlace();
  return { numbers: found, id };
}

/** The same for rows that two ids name, of which the second may be empty. */
export function pairAfter(marker: string | undefined): [first: string, second: string] | undefined {
  if (marker === undefined) return undefined;
  const [first = "", second, ...more] = marker.split("~");
  if (first === "" || second === undefined || more.length > 0) throw noPlace();
  return [first, second];
}

export const pairPlace = (first: string, second: string): Place => [`${first}~${second}`];

const noPlace = (): CctError =>
  new CctError("bad_request", "'after' is not the end of a page.", "Take it from the end of the page before.");

/** One page out of rows of which one more than `limit` was asked for. `next`: absent on the last page. */
export function pageOf<T>(rows: readonly T[], limit: number, place: (row: T) => Place): { page: T[]; next?: string } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return rows.length > limit && last !== undefined ? { page, next: markerOf(place(last)) } : { page };
}
