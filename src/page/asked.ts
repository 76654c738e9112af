/** What the broker answered to a view, and what kept it from answering. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { problemOf } from "./source.ts";

interface Asked<T> {
  /** The latest answer. It stays while the next one is awaited. */
  found: T | undefined;
  /** Why there is none, or no newer one; empty when all is well. */
  problem: string;
  /** Asks once more, such as after a change. */
  again(): Promise<void>;
}

/** Asks now, whenever something in `about` changes, and every `everyMs` if that is given. */
export function useAsked<T>(ask: () => Promise<T>, about: readonly unknown[], everyMs?: number): Asked<T> {
  const found = useSignal<T | undefined>(undefined);
  const problem = useSignal("");
  const current = useRef(async () => {});
  useEffect(() => {
    // An answer that comes after the question has changed is dropped.
    let isWanted = true;
    const load = async (): Promise<void> => {
      const answer = await ask().then(
        (value) => () => {
          found.value = value;
          problem.value = "";
        },
        (error: unknown) => () => {
          problem.value = problemOf(error);
        },
      );
      if (isWanted) answer();
    };
    current.current = load;
    void load();
    const timer = everyMs === undefined ? undefined : setInterval(() => void load(), everyMs);
    return () => {
      isWanted = false;
      clearInterval(timer);
    };
  }, [...about, everyMs]);
  return { found: found.value, problem: problem.value, again: () => current.current() };
}
