/** Pages of listings: a bounded number of rows, and a marker where the next page begins. */
import { CctError } from "../platform/errors.ts";

export const MAX_PAGE = 500;
export const DEFAULT_PAGE = 200;

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
  if (parts.length !== numbers + 1 || id === "" || !found.every((one) => Number.isSafeInteger(one)))
    throw new CctError("bad_request", "'after' is not the end of a page.", "Use the field 'next' of the page before.");
  return { numbers: found, id };
}

/** One page out of rows of which one more than `limit` was asked for. `next`: absent on the last page. */
export function pageOf<T>(rows: readonly T[], limit: number, place: (row: T) => Place): { page: T[]; next?: string } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return rows.length > limit && last !== undefined ? { page, next: markerOf(place(last)) } : { page };
}
