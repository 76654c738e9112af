/** What the broker answered to a view, and what kept it from answering. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { noteFailing } from "./reading.ts";
import { isFinal, problemOf } from "./source.ts";

interface Asked<T> {
  /** The latest answer. It stays while the next one is awaited. */
  found: T | undefined;
  /** Why there is none; empty when all is well. That there is no newer one is said above the view. */
  problem: string;
  /** Asks once more, such as after a change. */
  again(): Promise<void>;
}

/** Until a question is asked again that was not answered. */
const AGAIN_MS = 2_000;

/** Asks now, whenever something in `about` changes, and every `everyMs` if that is given; after a failure until it is answered. */
export function useAsked<T>(
  what: string,
  ask: () => Promise<T>,
  about: readonly unknown[],
  everyMs?: number,
): Asked<T> {
  const found = useSignal<T | undefined>(undefined);
  const problem = useSignal("");
  const current = useRef(async () => {});
  useEffect(() => {
    // An answer that comes after the question has changed is dropped.
    let isWanted = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async (): Promise<void> => {
      clearTimeout(timer);
      const answer = await ask().then(
        (value) => () => {
          found.value = value;
          problem.value = "";
          return everyMs;
        },
        (error: unknown) => () => {
          problem.value = problemOf(error);
          return isFinal(error) ? everyMs : AGAIN_MS;
        },
      );
      if (!isWanted) return;
      const next = answer();
      noteFailing(what, found.peek() === undefined ? "" : problem.value);
      clearTimeout(timer);
      if (next !== undefined) timer = setTimeout(() => void load(), next);
    };
    current.current = load;
    void load();
    return () => {
      isWanted = false;
      clearTimeout(timer);
      noteFailing(what, "");
    };
  }, [...about, everyMs]);
  return {
    found: found.value,
    problem: found.value === undefined ? problem.value : "",
    again: () => current.current(),
  };
}
