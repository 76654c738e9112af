/**
 * The whole error story: one type, one table from code to HTTP status.
 * `message` says what is wrong, `hint` what to do next; the reader is often a model.
 * Neither may ever carry a secret or the text of a message.
 */
export const httpStatus = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
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

export class CctError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly hint = "",
  ) {
    super(message);
    this.name = "CctError";
  }

  /** What and what next, in one line. */
  get line(): string {
    return this.hint ? `${this.message} ${this.hint}` : this.message;
  }
}

/** The shape in which an error travels over HTTP. */
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

/** Anything thrown, as one line for a person. */
export function errorLine(error: unknown): string {
  if (error instanceof CctError) return error.line;
  return error instanceof Error ? error.message : String(error);
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(httpStatus, code);
}

/** The `code` that Node puts on its system errors (`ENOENT`, `EADDRINUSE` …), else `undefined`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
