/** Writes responses, and refuses requests while too many bytes wait for slow readers. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { CctError, errorBody, httpStatus } from "../../platform/errors.ts";
import { createMemoryBudget } from "./memory.ts";

/** Bytes of all responses together that their clients have not read yet. */
const MAX_UNREAD_BYTES = 128 * 1024 * 1024;

/** A file. `headers`: whether and how long it may be kept, and how it is encoded. */
export interface BytesAnswer {
  bytes: Buffer;
  contentType: string;
  headers: OutgoingHttpHeaders;
}

/** What a route answers: JSON, text of another type, or a file. */
export type Answer =
  | { status?: number; body: unknown; headers?: OutgoingHttpHeaders }
  | { text: string; contentType: string }
  | BytesAnswer;

/** Errors are short, and must reach also those who leave much unread. */
const ERRORS = "errors";

export interface Responder {
  /** Throws `rate_limited` while `payer` leaves too much unread. */
  refuseWhenOverloaded(payer: string): void;
  /** Returns the number of bytes. */
  send(response: ServerResponse, answer: Answer, payer: string): number;
  sendError(request: IncomingMessage, response: ServerResponse, error: CctError): void;
}

export function createResponder(isClosing: () => boolean): Responder {
  const unread = createMemoryBudget(MAX_UNREAD_BYTES);

  function write(
    response: ServerResponse,
    status: number,
    content: string | Buffer,
    contentType: string,
    payer: string,
    headers: OutgoingHttpHeaders = {},
  ): number {
    const bytes = Buffer.byteLength(content);
    unread.take(payer, bytes);
    response.once("close", () => unread.take(payer, -bytes));
    // A kept-alive connection would delay the shutdown.
    if (isClosing()) response.setHeader("connection", "close");
    response.writeHead(status, {
      "content-type": contentType,
      "content-length": bytes,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...headers,
    });
    response.end(content);
    return bytes;
  }

  return {
    refuseWhenOverloaded(payer) {
      if (!unread.allows(payer))
        throw new CctError("rate_limited", "Too many answers are unread.", "Read the answers, then try again.");
    },
    send(response, answer, payer) {
      if ("bytes" in answer) return write(response, 200, answer.bytes, answer.contentType, payer, answer.headers);
      if ("text" in answer) return write(response, 200, answer.text, answer.contentType, payer);
      for (const [name, value] of Object.entries(answer.headers ?? {}))
        if (value !== undefined) response.setHeader(name, value);
      return write(response, answer.status ?? 200, JSON.stringify(answer.body), "application/json", payer);
    },
    sendError(request, response, error) {
      const status = httpStatus[error.code];
      if (status === 503) response.setHeader("retry-after", 1);
      // The rest of an unread body must not be parsed as the next request.
      if (!request.complete && mayHaveBody(request)) response.setHeader("connection", "close");
      write(response, status, JSON.stringify(errorBody(error)), "application/json", ERRORS);
    },
  };
}

function mayHaveBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}
