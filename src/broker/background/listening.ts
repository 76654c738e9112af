/** Listening time: adds up the time in which this broker, or another on the same database, could hear sessions. */
import { addListening } from "../../store/listening.ts";
import type { Store } from "../../store/store.ts";

/** It is stored, and read, this often: a broker that crashes forgets at most this much. */
const STORE_MS = 60_000;

export interface Listening {
  /** Call at the start of every sweep, whichever broker's turn it is. */
  begin(): void;
  /** Counts the time since the sweep before as heard, once per sweep of all brokers. Returns the sum, in milliseconds. */
  count(): Promise<number>;
}

export function createListening(store: Store, steady: () => number, sweepMs: number): Listening {
  let begunAt = steady();
  let heard = 0;
  let pending = 0;
  let stored = 0;
  let storedAt = Number.NEGATIVE_INFINITY;
  return {
    begin() {
      const now = steady();
      // Not more, because other brokers may count the time of a slow sweep.
      heard = Math.min(now - begunAt, 2 * sweepMs);
      begunAt = now;
    },
    async count() {
      pending += heard;
      heard = 0;
      if (begunAt - storedAt >= STORE_MS) {
        const ms = Math.floor(pending);
        stored = await store.tx((sql) => addListening(sql, ms));
        pending -= ms;
        storedAt = begunAt;
      }
      return Math.floor(stored + pending);
    },
  };
}
