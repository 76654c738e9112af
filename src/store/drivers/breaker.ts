/**
 * Spares callers the wait for somebody who does not answer. Once one of them has found nobody, all are told so at once; a
 * short rest later one may try again, and while it tries the others are told the same.
 */
export interface Breaker {
  /** Throws why nobody is asked now. */
  check(): void;
  /** As `check`; answers with what ends the asking, to be called in any case. */
  enter(): () => void;
  /** There was an answer. */
  works(): void;
  /** There was none, and this is what everybody is told. */
  failed(why: Error): void;
}

export function breaker(restMs: number): Breaker {
  let why: Error | undefined;
  let resting = false;
  let trying = false;
  function check(): void {
    if (why && (resting || trying)) throw why;
  }
  return {
    check,
    enter() {
      check();
      if (!why) return () => {};
      trying = true;
      return () => {
        trying = false;
      };
    },
    works() {
      why = undefined;
    },
    failed(error) {
      why = error;
      resting = true;
      setTimeout(() => {
        resting = false;
      }, restMs).unref();
    },
  };
}
