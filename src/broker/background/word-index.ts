/** Fills the index of words, in small transactions with pauses, so that requests do not wait for it. */
import { setTimeout as sleep } from "node:timers/promises";
import { indexSome } from "../../operations/support/word-index.ts";
import type { Store } from "../../store/store.ts";

/** Per sweep. With 100 messages in a batch and a sweep every two seconds: up to 5,000 messages a second. */
const BATCHES = 100;
const PAUSE_MS = 5;

/** Returns a function that adds what there is to add, up to a bound. `isOurTurn` is absent for a broker that is alone. */
export function createIndexing(
  store: Store,
  isEnding: () => boolean,
  isOurTurn?: () => Promise<boolean>,
): () => Promise<void> {
  let isDone = false;
  return async () => {
    // Several brokers store each message with its words.
    if (isOurTurn && (isDone || !(await isOurTurn()))) return;
    for (let i = 0; i < BATCHES && !isEnding(); i++) {
      // What a power cut undoes is added again.
      isDone = !(await store.tx(indexSome, "snapshot", () => true));
      if (isDone) return;
      await sleep(PAUSE_MS);
    }
  };
}
