/**
 * A circuit breaker for the database. After a failure the circuit is open: calls fail at once instead of waiting for a
 * database that does not answer. After `openMs` one call is let through as a probe while the others still fail.
 */
export interface CircuitBreaker {
  /** Throws the last failure while the circuit is open. */
  check(): void;
  /** Like `check`, and may make this call the probe. Call the returned function when the call has ended. */
  enter(): () => void;
  /** Closes the circuit: the database answered. */
  succeeded(): void;
  /** Opens the circuit; `why` is thrown to all callers. */
  failed(why: Error): void;
}

export function circuitBreaker(openMs: number): CircuitBreaker {
  let failure: Error | undefined;
  let open = false;
  let probing = false;
  function check(): void {
    if (failure && (open || probing)) throw failure;
  }
  return {
    check,
    enter() {
      check();
      if (!failure) return () => {};
      probing = true;
      return () => {
        probing = false;
      };
    },
    succeeded() {
      failure = undefined;
    },
    failed(why) {
      failure = why;
      open = true;
      setTimeout(() => {
        open = false;
      }, openMs).unref();
    },
  };
}
