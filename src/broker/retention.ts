/** Clears away what is old, in the background: small transactions with pauses, so that nobody waits for it. */
import { setTimeout as pause } from "node:timers/promises";
import type { Environment } from "../operations/core/transaction.ts";
import { clearings } from "../operations/support/retention.ts";
import type { Keep } from "../rules/retention.ts";

/** Of each kind at a time; the next sweep goes on. With 100 messages each, and a sweep every two seconds, 250 a second. */
const BATCHES = 5;
/** Whoever came meanwhile has his turn. */
const PAUSE_MS = 20;

/** Does some of what is to be done, if anything is. */
export async function clearAway({ store, now }: Pick<Environment, "store" | "now">, keep: Keep): Promise<void> {
  for (const clear of clearings) {
    for (let i = 0; i < BATCHES && (await store.tx((sql) => clear(sql, keep, now()))); i++) await pause(PAUSE_MS);
  }
}
