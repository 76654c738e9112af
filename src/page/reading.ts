/** What the page reads again and again: a read that fails is said on the page, and tried again until it works. */
import { signal } from "@preact/signals";
import { problemOf } from "./source.ts";
import { link } from "./state.ts";

/** What cannot be read at present, and why. */
export const failing = signal<ReadonlyMap<string, string>>(new Map());

const AGAIN_MS = 2_000;

export function noteFailing(what: string, problem: string): void {
  if ((failing.peek().get(what) ?? "") === problem) return;
  const next = new Map(failing.peek());
  if (problem === "") next.delete(what);
  else next.set(what, problem);
  failing.value = next;
}

/** One read after the other: one that is asked for meanwhile follows. */
export function reader(what: string, read: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let isWanted = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function once(): Promise<void> {
    try {
      await read();
      noteFailing(what, "");
    } catch (error) {
      // Without a login nothing can be read, and the page says so.
      if (link.peek() === "out") return;
      noteFailing(what, problemOf(error));
      timer = setTimeout(() => void go(), AGAIN_MS);
    }
  }

  async function all(): Promise<void> {
    do {
      isWanted = false;
      await once();
    } while (isWanted);
    running = undefined;
  }

  function go(): Promise<void> {
    clearTimeout(timer);
    isWanted = running !== undefined;
    running ??= all();
    return running;
  }
  return go;
}
