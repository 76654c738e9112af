/** Reads typed columns from rows. A column of the wrong type is a bug and throws `TypeError`. */
import type { Row } from "./store.ts";

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value === "string") return value;
  throw new TypeError(`column ${column} is not text`);
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

export function integer(row: Row, column: string): number {
  const value = row[column];
  // PostgreSQL's bigint and count(*) arrive as text.
  const number = typeof value === "string" ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number)) return number;
  throw new TypeError(`column ${column} is not an integer`);
}

export function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integer(row, column);
}

export function oneOf<T extends string>(row: Row, column: string, allowed: readonly T[]): T {
  const value = text(row, column);
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new TypeError(`column ${column} is none of ${allowed.join(", ")}`);
  return found;
}

/** Ids in one statement. */
const MAX_IDS = 256;

/**
 * Ids in lists for `IN`, of a few lengths only (powers of two), so that few different statements are prepared. The last id fills
 * a list up.
 */
export function idLists<T extends string | number>(ids: readonly T[]): (readonly T[])[] {
  if (ids.length === 1) return [ids];
  const lists: (readonly T[])[] = [];
  for (let i = 0; i < ids.length; i += MAX_IDS) {
    const some = ids.slice(i, i + MAX_IDS);
    const length = 2 ** Math.ceil(Math.log2(some.length));
    const last = some.slice(-1);
    lists.push([...some, ...Array.from({ length: length - some.length }, () => last).flat()]);
  }
  return lists;
}

/** A statement with a list, made once for each length: to build a text and to find it by its content costs more than to run it. */
export function byLength(make: (count: number) => string): (count: number) => string {
  const made = new Map<number, string>();
  return (count) => {
    let text = made.get(count);
    if (text === undefined) {
      text = make(count);
      made.set(count, text);
    }
    return text;
  };
}

/** `$from, $from+1, …` for `count` values. */
export function placeholders(count: number, from = 1): string {
  return Array.from({ length: count }, (_, i) => `$${from + i}`).join(", ");
}
