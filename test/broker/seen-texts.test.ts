/** The filter of sent texts: what it never says, and how seldom it sends the broker to the database in vain. */
import { expect, test } from "vitest";
import { createSeenTexts, type TextKey, textKey } from "../../src/operations/core/seen-texts.ts";

/** A minute of the fastest senders that were measured. */
const TEXTS = 350_000;
const TRIES = 20_000;

/** Texts that differ at their end only, as those of a loop do. */
const key = (n: number): TextKey => textKey(`sender-${n % 32}`, `receiver-${n % 8}`, `a line of a log ${n}`);

test("it knows each text that was added, and takes few new ones for known", () => {
  const texts = createSeenTexts();
  expect(texts.mayHave(key(0))).toBe(false);
  for (let n = 0; n < TEXTS; n++) texts.add(key(n));
  for (let n = 0; n < TEXTS; n += 101) expect(texts.mayHave(key(n))).toBe(true);
  let mistakes = 0;
  for (let n = TEXTS; n < TEXTS + TRIES; n++) if (texts.mayHave(key(n))) mistakes++;
  // Each costs a count of what its sender sent within the last minute, which takes as long as hundreds of sends.
  expect(mistakes / TRIES).toBeLessThan(1 / 2_000);
  texts.clear();
  expect(texts.mayHave(key(0))).toBe(false);
});
