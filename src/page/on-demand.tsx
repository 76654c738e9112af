/**
 * Parts of the page that come when they are first needed. One that does not come says so in its place: its broker may be away, or
 * may have become another version, whose files have other names.
 */
import { type Signal, signal, useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect } from "preact/hooks";
import { isReplaced } from "./source.ts";
import { link } from "./state.ts";
import { Button } from "./ui.tsx";

type Reason = "away" | "replaced" | "other";

interface Part<T> {
  /** At the beginning of a sentence. */
  name: string;
  found: Signal<T | undefined>;
  /** Why it is not there. */
  lack: Signal<Reason | undefined>;
  ask(): Promise<void>;
}

export function part<T>(name: string, load: () => Promise<T>): Part<T> {
  const found = signal<T | undefined>(undefined);
  const lack = signal<Reason | undefined>(undefined);
  let asking: Promise<void> | undefined;

  async function once(): Promise<void> {
    try {
      found.value = await load();
      lack.value = undefined;
    } catch (error) {
      const isOther = await isReplaced();
      lack.value = isOther === undefined ? "away" : isOther ? "replaced" : "other";
      // Files that do not come are in the console already; this may be an error in one that came.
      if (lack.peek() === "other") console.error(error);
    }
    asking = undefined;
  }

  return {
    name,
    found,
    lack,
    ask() {
      if (found.peek() === undefined) asking ??= once();
      return asking ?? Promise.resolve();
    },
  };
}

interface OnDemandProps<T> {
  of: Part<T>;
  /** Until it is there. */
  meanwhile?: ComponentChildren;
  /** Where and how it is said that it cannot be had. */
  lacking: (title: string, whatToDo: VNode) => ComponentChildren;
  children: (found: T) => ComponentChildren;
}

/** Asks when it is first drawn, and again whenever the broker is back. */
export function OnDemand<T>({ of, meanwhile, lacking, children }: OnDemandProps<T>) {
  const { name, found, lack, ask } = of;
  const isLive = link.value === "live";
  useEffect(() => {
    if (isLive || lack.peek() === undefined) void ask();
  }, [of, isLive]);
  if (found.value !== undefined) return <>{children(found.value)}</>;
  const reason = lack.value;
  if (reason === undefined) return <>{meanwhile}</>;
  return <>{lacking(`${name} could not be loaded`, <WhatToDo reason={reason} of={of} />)}</>;
}

const REASONS: Record<Reason, string> = {
  away: "The broker did not answer.",
  replaced: "The broker has become another version since this page was opened. Reload the page to go on.",
  other: "The broker answers, but a file of the page did not come.",
};

function WhatToDo({ reason, of: { ask, lack } }: { reason: Reason; of: Part<unknown> }) {
  // Firefox asks once for a file of a script, and does not ask again before the page is reloaded.
  const isInVain = useSignal(false);
  async function again(): Promise<void> {
    await ask();
    isInVain.value = lack.peek() === "other";
  }
  return (
    <div class="what-to-do" role="alert">
      <span>
        {isInVain.value && reason === "other" ? "It did not come this time either. Reload the page." : REASONS[reason]}
      </span>
      {reason !== "replaced" && (
        <Button kind="small" icon="again" run={again}>
          Try again
        </Button>
      )}
      <Button kind="small" run={async () => location.reload()}>
        Reload the page
      </Button>
      <small class="quiet">With a reload, what you typed and did not send is lost.</small>
    </div>
  );
}
