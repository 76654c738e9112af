/** Retention: deletes old data in small transactions with pauses, so that requests do not wait for it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Environment } from "../../operations/core/transaction.ts";
import { cleanups } from "../../operations/support/retention.ts";
import type { RetentionPolicy } from "../../rules/retention.ts";

/** Of each kind per sweep. With 100 messages in a batch and a sweep every two seconds: 250 messages a second. */
const BATCHES = 5;
/** Lets waiting requests run between two batches. */
const PAUSE_MS = 20;

/** Deletes a few batches of each kind, if there is anything to delete. */
export async function clearAway(
  { store, now }: Pick<Environment, "store" | "now">,
  keep: RetentionPolicy,
): Promise<void> {
  for (const clear of cleanups) {
    for (let i = 0; i < BATCHES && (await store.tx((sql) => clear(sql, keep, now()))); i++) await sleep(PAUSE_MS);
  }
}
