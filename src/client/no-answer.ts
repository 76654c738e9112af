/** The error for a request that no broker answered. Its own module, so that TLS can be loaded late without the rest. */
import { CctError, type ErrorCode } from "../platform/errors.ts";

export class NoAnswerError extends CctError {
  /** The request certainly reached no broker, so repeating it is safe. */
  readonly notReceived: boolean;
  /** Something may listen at the address, but it did not answer in time. */
  readonly timedOut: boolean;
  constructor(code: ErrorCode, message: string, hint: string, how: { notReceived: boolean; timedOut?: boolean }) {
    super(code, message, hint);
    this.notReceived = how.notReceived;
    this.timedOut = how.timedOut ?? false;
  }
}
