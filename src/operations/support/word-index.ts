/**
 * Fills the index of words in small steps: with what was sent since the last step, where it is not stored with its words, then with
 * what was stored before the index was there, the newest first.
 */
import { indexedPart, indexWords, putIndexedPart, unindexedBelow, unindexedSince } from "../../store/search.ts";
import type { Sql } from "../../store/store.ts";

/** What one transaction adds at most, so that requests hardly wait for it. */
const MESSAGES = 100;
const CHARACTERS = 200_000;

/** Adds some messages to the index; returns whether there are more. */
export async function indexSome(sql: Sql): Promise<boolean> {
  const part = await indexedPart(sql);
  const newer = await unindexedSince(sql, part.to, MESSAGES);
  if (newer.length > 0) {
    const { last, isDone } = await add(sql, newer);
    await putIndexedPart(sql, { from: part.from, to: last + 1 });
    return !isDone || part.from > 0;
  }
  if (part.from === 0) return false;
  const older = await unindexedBelow(sql, part.from, MESSAGES);
  const { last, isDone } = await add(sql, older);
  await putIndexedPart(sql, { from: isDone ? 0 : last, to: part.to });
  return !isDone;
}

/** Adds the first of these messages, as many as one transaction takes. `last`: the last of them; `isDone`: there are no more. */
async function add(
  sql: Sql,
  messages: readonly { seq: number; text: string; isThere?: boolean }[],
): Promise<{ last: number; isDone: boolean }> {
  let characters = 0;
  let last: number | undefined;
  for (const message of messages) {
    if (last !== undefined && characters + message.text.length > CHARACTERS) return { last, isDone: false };
    if (!message.isThere) await indexWords(sql, message);
    characters += message.text.length;
    last = message.seq;
  }
  return { last: last ?? 0, isDone: messages.length < MESSAGES };
}

/** Adds a message that is stored with a number of the past. The index's next steps add those behind the part that they have reached. */
export async function indexAmong(sql: Sql, message: { seq: number; text: string }): Promise<void> {
  if (message.seq < (await indexedPart(sql)).to) await indexWords(sql, message);
}
