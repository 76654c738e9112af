/** Tells when something was seen for some time without a break. */

export interface Sight {
  /** Whether it is seen now. */
  see(isSeen: boolean): void;
}

export function seenFor(ms: number, done: () => void): Sight {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    see(isSeen) {
      if (isSeen) timer ??= setTimeout(done, ms);
      else {
        clearTimeout(timer);
        timer = undefined;
      }
    },
  };
}
