/** HTTP responses for connections without a parsed request, written to the socket. */
import { STATUS_CODES } from "node:http";
import { type CctError, errorBody, httpStatus } from "../../platform/errors.ts";
import { PAGE_HEADERS } from "./page-headers.ts";

/** A complete response, after which the connection closes. `status` overrides the error's own. */
export function rawResponse(error: CctError, status: number = httpStatus[error.code]): string {
  const text = JSON.stringify(errorBody(error));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(text)}`,
    "connection: close",
    // A browser may have asked: nothing is known of the request.
    ...PAGE_HEADERS.map(([name, value]) => `${name}: ${value}`),
  ];
  return `${head.join("\r\n")}\r\n\r\n${text}`;
}
