/** The right side: all that is known of one session, pool or message, and what one can do with it. */
import { useEffect, useRef } from "preact/hooks";
import { MessageDetails } from "./message-details.tsx";
import { PeerDetails } from "./peer-details.tsx";
import { PoolDetails } from "./pool-details.tsx";
import { chosen } from "./route.ts";
import { Button } from "./ui.tsx";

/** Where the details lie above the page. */
const NARROW = 1200;

const close = (): void => {
  chosen.value = undefined;
};

export function Details() {
  const what = chosen.value;
  const place = useRef<HTMLElement>(null);
  const before = useRef<Element | null>(null);
  useEffect(() => {
    if (what) {
      before.current ??= document.activeElement;
      if (innerWidth < NARROW) place.current?.focus();
      return;
    }
    if (before.current instanceof HTMLElement) before.current.focus();
    before.current = null;
  }, [what]);
  if (!what) return null;
  return (
    <aside class="inspector" aria-label="Details" tabIndex={-1} ref={place}>
      <div class="insp-close">
        <Button kind="ghost" icon="x" label="Close (Esc)" onClick={close} />
      </div>
      {what.kind === "peer" && <PeerDetails key={what.id} id={what.id} />}
      {what.kind === "message" && <MessageDetails key={what.id} id={what.id} />}
      {what.kind === "pool" && <PoolDetails key={what.id} id={what.id} />}
    </aside>
  );
}
