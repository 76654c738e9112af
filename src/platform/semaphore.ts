/** A counting semaphore with a FIFO queue and a timeout: it limits how many transactions or claims run at a time. */

export interface Semaphore {
  /**
   * Resolves with a function that releases the permit; calling it again has no effect. Rejects with the error made by
   * `onTimeout` when no permit is free within `timeoutMs`.
   */
  acquire(timeoutMs: number, onTimeout: () => Error): Promise<() => void>;
  /** The length of the queue. */
  waiting(): number;
}

export function createSemaphore(permits: number): Semaphore {
  let free = permits;
  const queue = new Set<() => void>();

  function release(): void {
    const [next] = queue;
    if (next) next();
    else free++;
  }

  function releaseOnce(): () => void {
    let released = false;
    return () => {
      if (!released) release();
      released = true;
    };
  }

  return {
    waiting: () => queue.size,
    acquire(timeoutMs, onTimeout) {
      if (free > 0) {
        free--;
        return Promise.resolve(releaseOnce());
      }
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          queue.delete(grant);
          reject(onTimeout());
        }, timeoutMs);
        const grant = (): void => {
          clearTimeout(timer);
          queue.delete(grant);
          resolve(releaseOnce());
        };
        queue.add(grant);
      });
    },
  };
}
