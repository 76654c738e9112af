/**
 * Which requests a page in a browser may make. A browser sends its cookies along with requests that other pages cause, so the
 * cookie alone proves nothing: the browser must also say that the request comes from the broker's own page.
 */
import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { CctError } from "../../platform/errors.ts";
import { isFromThisMachine } from "./listeners.ts";
import { namesThisMachine } from "./request-checks.ts";

export const isOverTls = ({ socket }: IncomingMessage): boolean => socket instanceof TLSSocket;

/** Whether the page is there for this request: on the broker's own machine, and over TLS where it is open to the network. */
export const isPageOpen = (request: IncomingMessage, onNetwork: boolean): boolean =>
  isFromThisMachine(request.socket) || (onNetwork && isOverTls(request));

/** Throws `forbidden` unless the Host header names the address that the connection came to: with DNS rebinding it does not. */
export function requireOwnHost(request: IncomingMessage): void {
  const { host = "" } = request.headers;
  if (isFromThisMachine(request.socket) ? namesThisMachine(request.socket, host) : namesSocket(request, host)) return;
  throw new CctError(
    "forbidden",
    "The Host header does not name this broker.",
    "Open the page by the broker's address, as cct open prints it.",
  );
}

function namesSocket({ socket }: IncomingMessage, host: string): boolean {
  const address = (socket.localAddress ?? "").replace(/^::ffff:/i, "").replace(/%.*$/, "");
  const name = host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  return name !== "" && name.toLowerCase() === address.toLowerCase();
}

/**
 * For files, which are the same for everybody: they are for the page itself, or for somebody who opens it in a window of its own.
 * Throws `forbidden`.
 */
export function requireNotEmbedded({ headers }: IncomingMessage): void {
  const from = headers["sec-fetch-site"];
  if (from === "same-origin" || from === "none") return;
  if (headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document") return;
  throw notOwnPage();
}

/** For everything else. Throws `forbidden` unless the browser says that its own page, from this very broker, asks. */
export function requireOwnPage(request: IncomingMessage): void {
  const { headers, method } = request;
  if (headers["sec-fetch-site"] !== "same-origin") throw notOwnPage();
  // A browser sends no Origin with its own page's GET or HEAD.
  if ((method === "GET" || method === "HEAD") && headers.origin === undefined) return;
  const own = `${isOverTls(request) ? "https" : "http"}://${headers.host}`;
  if (headers.origin !== own) throw notOwnPage();
}

const notOwnPage = (): CctError =>
  new CctError(
    "forbidden",
    "This is only for the broker's own page, and the request does not come from it.",
    "Open the page with cct open. Programs use the HTTP API with a token.",
  );
