/** Mail to the operator is read once it was on a visible screen for a second: its sender then sees that. */
import { seenFor } from "./sight.ts";
import { call } from "./source.ts";
import type { MessageRow } from "./types.ts";

const READ_MS = 1_000;

/** Half of it is seen, or of a tall one as much as there is room for. */
const isInView = ({ intersectionRatio, intersectionRect, rootBounds }: IntersectionObserverEntry): boolean =>
  intersectionRatio >= 0.5 || intersectionRect.height >= (rootBounds?.height ?? Number.MAX_SAFE_INTEGER) / 2;

/** Watches a message to the operator until it is read; the result ends that. */
export function markShown({ message_id }: MessageRow, place: Element | null): (() => void) | undefined {
  if (!place) return undefined;
  let isIn = false;
  const look = (): void => sight.see(isIn && document.visibilityState === "visible");
  const again = (): void => {
    sight.see(false);
    look();
  };
  const sight = seenFor(READ_MS, () => void call("mark_read", { message_ids: [message_id] }).catch(again));
  const watch = new IntersectionObserver(
    (entries) => {
      isIn = entries.slice(-1).some(isInView);
      look();
    },
    { threshold: [0, 0.1, 0.2, 0.3, 0.4, 0.5] },
  );
  watch.observe(place);
  document.addEventListener("visibilitychange", look);
  return () => {
    sight.see(false);
    watch.disconnect();
    document.removeEventListener("visibilitychange", look);
  };
}
