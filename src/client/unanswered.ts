/** What is known of a request to which no broker has answered. Apart, so that TLS can be loaded late without all the rest. */
import { CctError, type ErrorCode } from "../platform/errors.ts";

/** No broker of ours has answered. */
export class Unanswered extends CctError {
  /** The request has certainly reached nobody. */
  readonly unheard: boolean;
  /** Something may be there: it only does not answer. */
  readonly silent: boolean;
  constructor(code: ErrorCode, message: string, hint: string, how: { unheard: boolean; silent?: boolean }) {
    super(code, message, hint);
    this.unheard = how.unheard;
    this.silent = how.silent ?? false;
  }
}
