/** `cct watch`: shows what needs the person, and lets them step in, until they leave. */
import type { Tty } from "../cli/parts/context.ts";
import { type Beginning, createLive } from "./live.ts";
import { createPainter, ENTER, LEAVE } from "./paint.ts";
import type { State } from "./state.ts";
import { frameOf } from "./view.ts";

export { readOverview } from "./asking.ts";

/** News are painted at most so often; a key at once. */
const PAINT_MS = 100;
/** Ages are renewed so often. */
const AGES_MS = 5_000;

export interface Watched extends Omit<Beginning, "size"> {
  tty: Tty;
  colour: boolean;
  /** Shows needs elsewhere too. Called every few seconds. Resolves to what went wrong, or `undefined`. */
  alert?: ((state: { needs: State["needs"]; now: number; isAway: boolean }) => Promise<string | undefined>) | undefined;
  /** Resolves when the process is to end. */
  ended: Promise<unknown>;
}

/** Ends when the person leaves. The terminal is then as it was, whatever happened. */
export async function watch({ tty, colour, alert, ended, ...beginning }: Watched): Promise<void> {
  const painter = createPainter(colour);
  let timer: NodeJS.Timeout | undefined;
  let leave: () => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const left = new Promise<void>((resolve, reject) => {
    leave = resolve;
    fail = reject;
  });

  /** Faults end the program in good order. */
  const guarded =
    <T extends unknown[]>(work: (...given: T) => void) =>
    (...args: T): void => {
      try {
        work(...args);
      } catch (error) {
        fail(error);
      }
    };
  const paint = guarded(() => {
    clearTimeout(timer);
    timer = undefined;
    // A terminal that does not keep up gets the latest state once it does.
    if (tty.isBehind()) return;
    tty.write(painter.next(frameOf(live.state())));
    live.painted();
  });
  const paintSoon = (): void => {
    timer ??= setTimeout(paint, PAINT_MS);
  };
  const live = createLive(
    { ...beginning, size: tty.size() },
    { changed: (isKey) => (isKey ? paint() : paintSoon()), leave, failed: fail },
  );
  const paintAll = guarded(() => {
    painter.forget();
    live.resized(tty.size());
  });
  const ages = setInterval(
    guarded(() => {
      live.aged();
      const { needs, now, link } = live.state();
      void alert?.({ needs, now, isAway: link === "lost" }).then((wrong) => {
        if (wrong !== undefined) live.notNotified(wrong);
      }, fail);
    }),
    AGES_MS,
  );
  try {
    tty.open(
      { enter: ENTER, leave: LEAVE },
      {
        key: guarded((key) => {
          if (live.key(key)) paintAll();
        }),
        paste: guarded(live.paste),
        resized: paintAll,
        drained: paint,
        ended: leave,
      },
    );
    paint();
    await Promise.race([left, ended]);
  } finally {
    clearInterval(ages);
    clearTimeout(timer);
    live.close();
    tty.close();
  }
}
