/**
 * Full-text search: what a word is, what a query means, and which part of a text a result shows. Texts are cut into words here,
 * so that both databases find the same, except phrases beyond word 16,383 of a text: PostgreSQL numbers no more. A database sees
 * words of letters and digits only, never what somebody typed.
 */

/** One part of a query: words in this order, one after the other. */
export interface Term {
  words: readonly string[];
  /** The last one is only the beginning of a word. */
  isPrefix: boolean;
}

/** Longer words are cut, in texts and in queries: nobody types them, and databases limit them. */
const MAX_WORD = 64;
/** What a query may ask for at most: each word of a phrase, and each word that begins so, is work for the database. */
const MAX_WORDS = 16;
const MAX_PREFIXES = 4;
/**
 * The places of a word in a text that count for phrases: PostgreSQL keeps as many, and with all of them a phrase of single letters
 * in long texts takes a database seconds.
 */
const MAX_PLACES = 255;
/** Takes the place of a word that is not kept. No word of a text or a query has it, and FTS5 takes it for one. */
const NO_WORD = "\u00b7";
/** A shorter beginning would be that of too many words. */
const MIN_PREFIX = 3;

const IDEOGRAPHS = "\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}";
/** Scripts without spaces between words: each character is a word, and what is typed together is found together. */
const WORD = new RegExp(`[${IDEOGRAPHS}]|(?:(?![${IDEOGRAPHS}])[\\p{L}\\p{N}\\p{M}])+`, "gu");
/** Accents of Latin, Greek and Cyrillic letters. */
const ACCENTS = /[\u0300-\u036f]/g;

const fold = (text: string): string => text.normalize("NFKD").replace(ACCENTS, "").toLowerCase().replace(ACCENTS, "");

/** Most texts, which need less work: the words of each message that is sent are looked for. */
const PLAIN = /^[\0-\x7f]*$/;
const PLAIN_WORD = /[a-z0-9]+/g;

/** The words of a text, without case and accents. */
export function wordsOf(text: string): string[] {
  const found = PLAIN.test(text) ? text.toLowerCase().match(PLAIN_WORD) : fold(text).match(WORD);
  return (found ?? []).map((word) => (word.length <= MAX_WORD ? word : [...word].slice(0, MAX_WORD).join("")));
}

/** What a query asks for: all of its words, `"some words"` in this order, and with `beginn*` all words that begin so. */
export function queryOf(typed: string): Term[] {
  const parts = typed.match(/"[^"]*"?\*?|[^\s"]+/g) ?? [];
  return parts
    .map((part) => {
      const words = wordsOf(part);
      return { words, isPrefix: part.endsWith("*") && (words.at(-1)?.length ?? 0) >= MIN_PREFIX };
    })
    .filter(({ words }) => words.length > 0);
}

/** What a query asks for too much of; `undefined`: it may be searched for. */
export function excessOf(terms: readonly Term[]): string | undefined {
  if (terms.reduce((sum, { words }) => sum + words.length, 0) > MAX_WORDS) return `${MAX_WORDS} words`;
  if (terms.filter(({ isPrefix }) => isPrefix).length > MAX_PREFIXES) return `${MAX_PREFIXES} beginnings of words`;
  return undefined;
}

/** The words for FTS5: of each the first places. PostgreSQL drops the others by itself. */
export function placedWords(words: readonly string[]): readonly string[] {
  if (words.length <= MAX_PLACES) return words;
  const places = new Map<string, number>();
  return words.map((word) => {
    const n = (places.get(word) ?? 0) + 1;
    places.set(word, n);
    return n <= MAX_PLACES ? word : NO_WORD;
  });
}

/** Whether a text has what a query asks for: the same as the index finds once it has the text. */
export function hasWords(text: string, terms: readonly Term[]): boolean {
  const words = placedWords(wordsOf(text));
  return terms.every(({ words: wanted, isPrefix }) => {
    const last = isPrefix ? wanted.length - 1 : undefined;
    return words.some((_, at) =>
      wanted.every((word, i) => (i === last ? words[at + i]?.startsWith(word) : words[at + i] === word)),
    );
  });
}

/** The query for SQLite's FTS5. */
export const toFts5 = (terms: readonly Term[]): string =>
  terms
    .map(({ words, isPrefix }) => words.map((word) => `"${word}"`).join(" + ") + (isPrefix ? " *" : ""))
    .join(" AND ");

/** The query for PostgreSQL's `to_tsquery`. */
export const toTsquery = (terms: readonly Term[]): string =>
  terms.map(({ words, isPrefix }) => words.join(" <-> ") + (isPrefix ? ":*" : "")).join(" & ");

export interface Snippet {
  /** A part of the text, on one line. */
  text: string;
  /** Where in it the words are: pairs of beginning and end. */
  hits: [number, number][];
}

/**
 * The part of a text around the first words that a query asks for, of at most `limit` characters. They are looked for in the
 * first `read` characters: if they are not there, it is the beginning of the text.
 */
export function snippetOf(text: string, terms: readonly Term[], limit: number, read = text.length): Snippet {
  const isCut = text.length > read;
  const line = text.slice(0, read).replace(/\s+/g, " ").trim().toWellFormed();
  const { value: found } = hitsIn(line, terms).next();
  const [first] = found ?? [0];
  const start =
    line.length <= limit ? 0 : beginNear(line, Math.max(0, Math.min(first - limit / 4, line.length - limit)));
  const before = start > 0 ? "…" : "";
  const end = endNear(line, Math.min(line.length, start + limit - before.length - 1));
  const after = end < line.length || isCut ? "…" : "";
  const shift = before.length - start;
  // A little more than what is shown: it tells whether the last word ends there.
  const hits = (found ? [...hitsIn(line.slice(first, end + 2), terms)] : [])
    .map(([from, to]): [number, number] => [first + from, first + to])
    .filter(([from, to]) => from >= start && to <= end)
    .map(([from, to]): [number, number] => [from + shift, to + shift]);
  return { text: before + line.slice(start, end) + after, hits };
}

/**
 * Where words of the query are in a text, one after the other, so that it is read to the first only where that is enough. A phrase
 * counts where each of its words does: the eye finds the rest.
 */
function* hitsIn(text: string, terms: readonly Term[]): Generator<[number, number], undefined> {
  const wanted = new Set(terms.flatMap(({ words, isPrefix }) => (isPrefix ? words.slice(0, -1) : words)));
  const beginnings = terms.flatMap(({ words, isPrefix }) => (isPrefix ? words.slice(-1) : []));
  for (const { 0: found, index } of text.matchAll(PLAIN.test(text) ? /[a-z0-9]+/gi : WORD)) {
    const isHit = wordsOf(found).some(
      (word) => wanted.has(word) || beginnings.some((beginning) => word.startsWith(beginning)),
    );
    if (isHit) yield [index, index + found.length];
  }
}

/** The beginning of a word near a place, and never between the halves of a character. */
function beginNear(text: string, place: number): number {
  const at = Math.floor(place);
  const space = text.indexOf(" ", at);
  if (at > 0 && space >= 0 && space - at < 24) return space + 1;
  return /[\udc00-\udfff]/.test(text.charAt(at)) ? at + 1 : at;
}

const endNear = (text: string, place: number): number =>
  /[\udc00-\udfff]/.test(text.charAt(place)) ? place - 1 : place;
