/**
 * The one error type of the program, and the HTTP status of each error code. `message` says what is wrong, `hint` what to
 * do next; the reader is often a model. Neither may contain a secret or the text of a message.
 */
export const httpStatus = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  ambiguous: 409,
  conflict: 409,
  already_running: 409,
  too_large: 413,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
  store_failed: 500,
  store_full: 507,
} as const;

export type ErrorCode = keyof typeof httpStatus;

/** What each code means and what the caller does next; `docs/errors.md` and `docs/openapi.json` are generated from it. */
export const errorTexts: Record<ErrorCode, { meaning: string; next: string }> = {
  bad_request: {
    meaning: "The request, an input field or a setting is invalid.",
    next: "Correct what the message names. The same request fails again.",
  },
  unauthorized: {
    meaning: "The token, or the peer's id and secret, is missing, wrong or revoked.",
    next: "Session: register again. Other machine: ask for a new join string.",
  },
  forbidden: {
    meaning: "The caller is known, but not allowed to do this.",
    next: "Ask somebody who is allowed: the hint says who.",
  },
  not_found: {
    meaning: "The peer, pool, message, proposal, service, device or path does not exist, or is hidden from the caller.",
    next: "Check the name; the hint lists candidates.",
  },
  method_not_allowed: {
    meaning: "The path exists, but not for this HTTP method.",
    next: "Use the method in the `Allow` header: POST for operations, GET for everything else.",
  },
  ambiguous: {
    meaning: "The name, or the prefix of an id, fits more than one.",
    next: "Use more of the id, or `name@host`; the hint lists candidates.",
  },
  conflict: {
    meaning: "The request contradicts the current state: a name is taken, a vote is closed, a pool is archived.",
    next: "Look at the current state, then decide again.",
  },
  already_running: {
    meaning: "Another process already does this work for the same home. Only local commands report it.",
    next: "Use the one that runs, or stop it first.",
  },
  too_large: {
    meaning: "The body or a text exceeds its limit.",
    next: "Send less: a message's text has at most 64 KiB.",
  },
  rate_limited: {
    meaning: "A limit was reached: requests, messages, wakes, mailbox, pools, services, claims or connections.",
    next: "Wait as long as `Retry-After` or the hint says. A model must not repeat it at once.",
  },
  internal: {
    meaning: "The broker has a bug; its log has the details.",
    next: "Try again once. Report it if it stays.",
  },
  unavailable: {
    meaning: "No broker answers, or the broker's database does not. The request may still have arrived.",
    next: "Retry in a moment, if the operation may be repeated (see the reference). `cct status` shows what is down.",
  },
  store_failed: {
    meaning: "The database or a file cannot be read or written. The message says whether anything was stored.",
    next: "Check the disk and the broker's log, then repeat it.",
  },
  store_full: {
    meaning: "The disk or an outbox is full. The message says whether anything was stored.",
    next: "Free some space, then repeat it.",
  },
};

export class CctError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly hint = "",
  ) {
    super(message);
    this.name = "CctError";
  }

  /** Message and hint in one line. */
  get line(): string {
    return this.hint ? `${this.message} ${this.hint}` : this.message;
  }
}

/** The JSON form of an error, over HTTP and between processes. */
export interface ErrorBody {
  error: { code: ErrorCode; message: string; hint: string };
}

export function errorBody(error: CctError): ErrorBody {
  return { error: { code: error.code, message: error.message, hint: error.hint } };
}

/** The error of an `ErrorBody` that another process sent; `undefined`: it sent something else. */
export function errorFrom(body: unknown): CctError | undefined {
  const { error }: { error?: Record<string, unknown> } = typeof body === "object" && body !== null ? body : {};
  if (!isErrorCode(error?.code)) return undefined;
  return new CctError(error.code, String(error.message), String(error.hint ?? ""));
}

/** Anything that was thrown, as one line for a person. */
export function errorLine(error: unknown): string {
  if (error instanceof CctError) return error.line;
  return error instanceof Error ? error.message : String(error);
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(httpStatus, code);
}

/** The `code` of node's system errors (`ENOENT`, `EADDRINUSE` …), or `undefined`. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof CctError) return undefined;
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}
