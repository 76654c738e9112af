/** Turns: so many may go on at a time, the others wait in the order in which they came. */

export interface Turns {
  /** Resolves when it is one's turn, with what ends it. Throws what `late` makes when that takes longer than `patienceMs`. */
  take(patienceMs: number, late: () => Error): Promise<() => void>;
  /** How many wait. */
  waiting(): number;
}

export function turns(atOnce: number): Turns {
  let free = atOnce;
  const queue = new Set<() => void>();

  function end(): void {
    const [next] = queue;
    if (next) next();
    else free++;
  }

  /** Ends a turn once, however often it is called. */
  function ender(): () => void {
    let ended = false;
    return () => {
      if (!ended) end();
      ended = true;
    };
  }

  return {
    waiting: () => queue.size,
    take(patienceMs, late) {
      if (free > 0) {
        free--;
        return Promise.resolve(ender());
      }
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          queue.delete(go);
          reject(late());
        }, patienceMs);
        const go = (): void => {
          clearTimeout(timer);
          queue.delete(go);
          resolve(ender());
        };
        queue.add(go);
      });
    },
  };
}
