/** The index of words of messages, and which part of the messages is in it. */
import { placedWords, type Term, toFts5, toTsquery, wordsOf } from "../rules/search.ts";
import { integer, placeholders, text } from "./row.ts";
import type { Row, Sql, Value } from "./store.ts";

/** What is searched for, also in the language of each database. */
export interface WordQuery {
  terms: readonly Term[];
  fts5: string;
  tsquery: string;
  /** Whether one of its words is only the beginning of a word. */
  hasPrefix: boolean;
}

export const wordQuery = (terms: readonly Term[]): WordQuery => ({
  terms,
  fts5: toFts5(terms),
  tsquery: toTsquery(terms),
  hasPrefix: terms.some(({ isPrefix }) => isPrefix),
});

/** Adds a message's words to the index. */
export async function indexWords(sql: Sql, { seq, text: written }: Unindexed): Promise<void> {
  const words = wordsOf(written);
  if (words.length === 0) return;
  await sql(
    "INSERT INTO message_words (rowid, words) VALUES ($1, {{sqlite}}$2{{postgres}}to_tsvector('simple', $3){{end}})",
    seq,
    placedWords(words).join(" "),
    words.join(" "),
  );
}

/** Removes messages from the index. To be called before they are deleted. */
export async function forgetWords(sql: Sql, messageIds: readonly string[]): Promise<void> {
  if (messageIds.length === 0) return;
  await sql(
    `DELETE FROM message_words WHERE rowid IN (SELECT m.seq FROM messages m WHERE m.message_id IN (${placeholders(messageIds.length)}))`,
    ...messageIds,
  );
}

/** The condition that the row `w` of the index has what is searched for. */
export function matches(query: WordQuery, value: (one: Value) => string): string {
  const [fts5, tsquery] = [value(query.fts5), value(query.tsquery)];
  return `w.words {{sqlite}}MATCH ${fts5}{{postgres}}@@ to_tsquery('simple', ${tsquery}){{end}}`;
}

/** The number of a row `w` that its words lead to. PostgreSQL would else read the index of all numbers in a range, too. */
export const NUMBER = "{{sqlite}}w.rowid{{postgres}}(w.rowid + 0){{end}}";

/** A place to compare a row's number with. A value alone is a float to SQLite, with which FTS5 does not stop at the place. */
export const place = (value: string): string => `CAST(${value} AS BIGINT)`;

/** How many messages before a place have what is searched for; counted to `most`. */
export async function countMatches(
  sql: Sql,
  query: WordQuery,
  after: number,
  before: number,
  most: number,
): Promise<number> {
  const values: Value[] = [];
  const value = (one: Value): string => `$${values.push(one)}`;
  const [row] = await sql(
    `SELECT count(*) AS messages FROM (SELECT w.rowid FROM message_words w
       WHERE ${matches(query, value)} AND ${NUMBER} > ${place(value(after))} AND ${NUMBER} < ${place(value(before))} LIMIT ${value(most)}) found`,
    ...values,
  );
  return row ? integer(row, "messages") : 0;
}

/** The messages whose words are in the index: those with a number from `from` on that is less than `to`. */
export interface IndexedPart {
  from: number;
  to: number;
}

export async function indexedPart(sql: Sql): Promise<IndexedPart> {
  const [row] = await sql("SELECT from_seq, to_seq FROM indexed_part");
  return row ? { from: integer(row, "from_seq"), to: integer(row, "to_seq") } : { from: 0, to: 0 };
}

export async function putIndexedPart(sql: Sql, { from, to }: IndexedPart): Promise<void> {
  await sql("UPDATE indexed_part SET from_seq = $1, to_seq = $2", from, to);
}

/** From now on, the messages that are there count as not indexed. On PostgreSQL, new ones are stored with their words. */
export async function markUnindexed(sql: Sql): Promise<void> {
  await sql(
    `UPDATE indexed_part SET from_seq = coalesce((SELECT max(seq) + 1 FROM messages), 0),
       to_seq = {{sqlite}}coalesce((SELECT max(seq) + 1 FROM messages), 0){{postgres}}to_seq{{end}}`,
  );
}

/** A message whose words are to be added. */
export interface Unindexed {
  seq: number;
  text: string;
}

const toUnindexed = (row: Row): Unindexed => ({ seq: integer(row, "seq"), text: text(row, "text") });

/** The next messages behind the indexed part, the oldest first. */
export async function unindexedSince(sql: Sql, to: number, limit: number): Promise<Unindexed[]> {
  return (await sql("SELECT seq, text FROM messages WHERE seq >= $1 ORDER BY seq LIMIT $2", to, limit)).map(
    toUnindexed,
  );
}

/** The next messages before the indexed part, the newest first, and whether they are there already. */
export async function unindexedBelow(
  sql: Sql,
  from: number,
  limit: number,
): Promise<(Unindexed & { isThere: boolean })[]> {
  const rows = await sql("SELECT seq, text FROM messages WHERE seq < $1 ORDER BY seq DESC LIMIT $2", from, limit);
  if (rows.length === 0) return [];
  const found = rows.map(toUnindexed);
  const known = await sql(
    `SELECT w.rowid AS seq FROM message_words w WHERE w.rowid IN (${placeholders(found.length)})`,
    ...found.map(({ seq }) => seq),
  );
  const there = new Set(known.map((row) => integer(row, "seq")));
  return found.map((one) => ({ isThere: there.has(one.seq), ...one }));
}
