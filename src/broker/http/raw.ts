/** Answers to what never became a request: written to the connection itself. */
import { STATUS_CODES } from "node:http";
import { type CctError, errorBody, httpStatus } from "../../platform/errors.ts";

/** A whole HTTP answer, after which the connection ends. `status`: another one than the error's own. */
export function rawAnswer(error: CctError, status: number = httpStatus[error.code]): string {
  const text = JSON.stringify(errorBody(error));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(text)}`,
    "connection: close",
  ];
  return `${head.join("\r\n")}\r\n\r\n${text}`;
}
