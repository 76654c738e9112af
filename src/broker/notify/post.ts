/** One POST to a receiver of notifications. Of the answer only the status counts; a redirect is not followed. */
import { request as overHttp } from "node:http";
import { request as overTls } from "node:https";
import { systemCode } from "../../platform/errors.ts";

export interface Post {
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** From the lookup of the name to the status. */
const TIMEOUT_MS = 10_000;

/**
 * Resolves to what went wrong, or `undefined`. The words are the broker's own: an address may be a secret, and an answer may
 * say anything.
 */
export function post({ url, headers, body }: Post, ending: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const isTls = url.startsWith("https:");
    // A connection of its own: the next one may be hours away. A proxy is not used.
    const options = {
      method: "POST",
      agent: false,
      headers: { ...headers, "content-length": Buffer.byteLength(body) },
    };
    const outgoing = isTls
      ? overTls(url, { ...options, minVersion: "TLSv1.2", rejectUnauthorized: true })
      : overHttp(url, options);
    const timer = setTimeout(() => done(`no answer within ${TIMEOUT_MS / 1000} s`), TIMEOUT_MS);
    const stop = (): void => done("the broker ended");
    function done(wrong: string | undefined): void {
      clearTimeout(timer);
      ending.removeEventListener("abort", stop);
      resolve(wrong);
      outgoing.destroy();
    }
    ending.addEventListener("abort", stop, { once: true });
    outgoing.on("response", ({ statusCode = 0 }) => done(wrongWith(statusCode)));
    outgoing.on("error", (error) => done(systemCode(error) ?? "the connection broke"));
    if (ending.aborted) stop();
    else outgoing.end(body);
  });
}

function wrongWith(status: number): string | undefined {
  if (status >= 200 && status < 300) return undefined;
  return status >= 300 && status < 400 ? `HTTP ${status}: a redirect, which is not followed` : `HTTP ${status}`;
}
