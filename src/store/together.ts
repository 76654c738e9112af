/** Reads that do not depend on each other: a database server answers them in one round trip. */

type Answers<T extends readonly unknown[]> = { -readonly [I in keyof T]: Awaited<T[I]> };

/**
 * Waits for all of them, also when one fails, because no statement may follow the end of its transaction. Throws the error of
 * the first in the list that failed.
 */
export async function together<const T extends readonly unknown[]>(...reads: T): Promise<Answers<T>> {
  const settled = await Promise.allSettled(reads);
  for (const one of settled) if (one.status === "rejected") throw one.reason;
  return settled.map((one) => (one.status === "fulfilled" ? one.value : undefined)) as Answers<T>;
}
