/**
 * Watches for faults of the database (full disk, I/O errors, damage). After one the broker is not ready until a write of
 * this module works: reads and small writes may still work where a message does not.
 */
import type { Logger } from "pino";
import { backoffMs } from "../../rules/backoff.ts";
import { clearProbe, writeProbe } from "../../store/chores.ts";
import { type Store, StoreFault } from "../../store/store.ts";

const FIRST_PAUSE_MS = 500;

export interface StoreHealth {
  /** The same store; its faults are seen. */
  store: Store;
  /** The fault, until a write works. */
  fault(): StoreFault | undefined;
  stop(): void;
}

export function watchStore(watched: Store, now: () => number, log: Logger): StoreHealth {
  let fault: StoreFault | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function seen<T>(run: Promise<T>): Promise<T> {
    try {
      return await run;
    } catch (error) {
      if (error instanceof StoreFault) failed(error);
      throw error;
    }
  }

  function failed(error: StoreFault): void {
    const isNew = fault === undefined;
    // A file that is damaged stays so, whatever else fails or works.
    if (!fault?.isDamage) fault = error;
    if (!isNew) return;
    log.error({ err: error }, "the store failed: not ready until a write works");
    probeLater(0);
  }

  function probeLater(failures: number): void {
    if (stopped || fault?.isDamage) return;
    timer = setTimeout(
      async () => {
        try {
          await watched.tx((sql) => writeProbe(sql, now()), "snapshot");
          await watched.tx(clearProbe, "snapshot");
        } catch (error) {
          if (error instanceof StoreFault) fault = error;
          return probeLater(failures + 1);
        }
        // Damage may have been seen meanwhile.
        if (fault?.isDamage) return;
        fault = undefined;
        log.info("the store works again");
      },
      backoffMs(failures, FIRST_PAUSE_MS, 1),
    ).unref();
  }

  return {
    store: {
      ...watched,
      tx: (...args) => seen(watched.tx(...args)),
      read: (read) => seen(watched.read(read)),
    },
    fault: () => fault,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
