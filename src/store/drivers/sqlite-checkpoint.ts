/**
 * Checkpoints in moments without work. SQLite writes the log back to the file in the commit that makes it long, whose sender then waits
 * for two more flushes. A log that is shorter is written back when nobody waits for an answer; SQLite's own checkpoint remains for
 * a broker that never has a moment.
 */
import type { Row } from "../store.ts";
import { isInputOutputError } from "./sqlite-errors.ts";

/** Pages of the log at which SQLite makes a checkpoint by itself: rarely, because it adds a flush to a commit. */
export const AUTO_CHECKPOINT = "PRAGMA wal_autocheckpoint=4000";
/** Groups that wrote since the last checkpoint: they make about half of these pages. */
const GROUPS = 300;
/** How long a moment without work has to last: after a shorter one the next request is likely to come during the checkpoint. */
const IDLE_MS = 1_000;

export interface Checkpoints {
  /** A group that wrote something is committed. */
  wrote(): void;
  /** Work begins. */
  begin(): void;
  /** No work is left. */
  rest(): void;
}

/** `fail` is told of an I/O error: what was written before may be lost. */
export function createCheckpoints(
  query: (text: string) => Row[],
  isAllowed: () => boolean,
  fail: (error: unknown) => void,
): Checkpoints {
  let written = 0;
  let timer: NodeJS.Timeout | undefined;
  return {
    wrote() {
      written++;
    },
    begin() {
      if (timer === undefined) return;
      clearTimeout(timer);
      timer = undefined;
    },
    rest() {
      if (written < GROUPS) return;
      timer = setTimeout(() => {
        timer = undefined;
        if (!isAllowed()) return;
        try {
          query("PRAGMA wal_checkpoint(PASSIVE)");
          written = 0;
        } catch (error) {
          // A full disk is not one: everything is in the log.
          if (isInputOutputError(error)) fail(error);
        }
      }, IDLE_MS).unref();
    },
  };
}
