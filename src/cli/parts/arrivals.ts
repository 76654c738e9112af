/** Waits for a person's mail: the broker says at once when there is some, and a look now and then finds what a lost hint missed. */
import type { Client } from "../../client/client.ts";
import { listen } from "../../client/stream.ts";
import type { CctError } from "../../platform/errors.ts";

const LOOK_EVERY_MS = 5_000;

export interface Arrivals {
  /** Resolves when there may be new mail, after `ms` at the latest. */
  next(ms?: number): Promise<void>;
  close(): void;
}

/** `down` is called for each failure to listen. */
export function arrivals(client: Client, random: () => number, down: (error: CctError) => void = () => {}): Arrivals {
  let isHinted = false;
  let wake: () => void = () => {};
  const stream = listen(
    client,
    () => undefined,
    {
      up() {},
      hint() {
        isHinted = true;
        wake();
      },
      down,
    },
    random,
  );
  return {
    async next(ms = LOOK_EVERY_MS) {
      if (!isHinted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(ms, LOOK_EVERY_MS));
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      isHinted = false;
    },
    close: stream.close,
  };
}
