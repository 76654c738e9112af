/** Reads that do not depend on each other: a database server answers them in one round trip. */

type Answers<T extends readonly unknown[]> = { -readonly [I in keyof T]: Awaited<T[I]> };

/**
 * Waits for all of them, also when one fails, because no statement may follow the end of its transaction. Throws the error of
 * the first in the list that failed.
 */
export async function together<const T extends readonly unknown[]>(...reads: T): Promise<Answers<T>> {
  const answers: unknown[] = [];
  const failures: unknown[] = [];
  // Handled from the start: one may fail while an earlier one is awaited.
  for (const read of reads) if (read instanceof Promise) read.catch(() => {});
  for (const read of reads)
    try {
      answers.push(read instanceof Promise ? await read : read);
    } catch (error) {
      failures.push(error);
    }
  if (failures.length > 0) throw failures[0];
  return answers as Answers<T>;
}
