/** Checks on a request's headers that come before its token is looked at. */
import type { IncomingMessage } from "node:http";
import { CctError } from "../../platform/errors.ts";
import { isLoopback } from "../../platform/network.ts";
import { isFromThisMachine } from "./listeners.ts";
import { perConnection } from "./per-connection.ts";

/** Headers that say who sends what to whom: of two, a proxy might read the first and the broker the second. */
const SINGLE = new Set([
  "host",
  "authorization",
  "x-cct-peer",
  "x-cct-secret",
  "x-cct-page",
  "content-type",
  "content-length",
]);

export function refuseDuplicateHeaders({ rawHeaders, headers }: IncomingMessage): void {
  if (Object.keys(headers).length * 2 === rawHeaders.length) return;
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? "";
    if (!SINGLE.has(name)) continue;
    if (seen.has(name)) throw new CctError("bad_request", `There are two ${name} headers.`, "Send one.");
    seen.add(name);
  }
}

/** Whether a Host header names this machine. */
export const namesThisMachine = perConnection((host) => isLoopback(host.replace(/:\d+$/, "").toLowerCase()));

/** Browsers say where a request comes from, and leave no page the choice. */
export const isFromBrowser = ({ headers }: IncomingMessage): boolean =>
  headers.origin !== undefined || headers["sec-fetch-site"] !== undefined;

/**
 * A web page in a browser on this machine can reach the broker too. Such a request always carries an Origin or
 * Sec-Fetch-Site header. With DNS rebinding, it carries a foreign Host.
 */
export function refuseWebPages(request: IncomingMessage): void {
  if (isFromThisMachine(request.socket) && !namesThisMachine(request.socket, request.headers.host ?? "")) {
    throw new CctError(
      "forbidden",
      "The Host header does not name this machine.",
      "Use http://127.0.0.1 and the broker's port.",
    );
  }
  if (isFromBrowser(request)) {
    throw new CctError(
      "forbidden",
      "Requests from web pages are refused.",
      "Use the cct command or the HTTP API without an Origin header.",
    );
  }
}
