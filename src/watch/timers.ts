/** Timers by name: what is to be done soon is done once, and nothing after the end. */

export interface Timers {
  /** Does it after this time, unless something of this name already waits. */
  later(name: string, ms: number, work: () => void): void;
  cancel(name: string): void;
  /** Does it now. A fault is reported instead of thrown, as in `later`. */
  guard(work: () => void): void;
  close(): void;
}

export function createTimers(failed: (error: unknown) => void): Timers {
  const waiting = new Map<string, NodeJS.Timeout>();
  let isClosed = false;
  function guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      failed(error);
    }
  }
  return {
    guard,
    later(name, ms, work) {
      if (waiting.has(name) || isClosed) return;
      const timer = setTimeout(() => {
        waiting.delete(name);
        guard(work);
      }, ms);
      waiting.set(name, timer);
    },
    cancel(name) {
      clearTimeout(waiting.get(name));
      waiting.delete(name);
    },
    close() {
      isClosed = true;
      for (const timer of waiting.values()) clearTimeout(timer);
    },
  };
}
