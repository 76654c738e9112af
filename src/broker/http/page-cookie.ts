/**
 * What a logged-in browser shows: a cookie and a key. Browsers send cookies to every port of a machine, so the cookie is named
 * after the broker, and worth nothing without the key. That one the page keeps in its storage, which only pages from the
 * broker's own port can read, and sends as a header.
 */
import type { IncomingMessage } from "node:http";
import { hashSecret } from "../../platform/secrets.ts";
import { LOGIN_MS } from "../../rules/browsers.ts";
import { isOverTls } from "./page-gate.ts";

/** The header of the key; src/page/source.ts sends it. */
const PAGE_KEY_HEADER = "x-cct-page";
const SECRET = /^[0-9a-f]{32}$/;

export interface PageCookie {
  /** The hash of the cookie and the key that a request shows, valid or not. Bound to this broker: another one's are worth nothing. */
  given(request: IncomingMessage): string | undefined;
  hash(token: string, key: string): string;
  /** The value of `set-cookie`. */
  set(request: IncomingMessage, token: string): string;
  /** The same that removes it. */
  clear(request: IncomingMessage): string;
  /** The token that a request shows. */
  token(request: IncomingMessage): string | undefined;
}

/** `homeHash`: the hash of the home's token, which identifies the broker. */
export function createPageCookie(homeHash: string): PageCookie {
  const id = hashSecret(`page of ${homeHash}`).slice(0, 8);
  const nameFor = (request: IncomingMessage): string => (isOverTls(request) ? `__Host-cct_${id}` : `cct_${id}`);

  function token(request: IncomingMessage): string | undefined {
    const start = `${nameFor(request)}=`;
    const values = (request.headers.cookie ?? "").split(";").map((part) => part.trim());
    // Browsers send cookies with longer paths first: of two, ours is the last one.
    const value = values.findLast((part) => part.startsWith(start))?.slice(start.length);
    return value !== undefined && SECRET.test(value) ? value : undefined;
  }

  const hash = (value: string, key: string): string => hashSecret(`${value} ${key} ${homeHash}`);
  const cookie = (request: IncomingMessage, value: string, seconds: number): string =>
    `${nameFor(request)}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${isOverTls(request) ? "; Secure" : ""}`;

  return {
    token,
    hash,
    given(request) {
      const value = token(request);
      const key = request.headers[PAGE_KEY_HEADER];
      return value !== undefined && typeof key === "string" && SECRET.test(key) ? hash(value, key) : undefined;
    },
    set: (request, value) => cookie(request, value, LOGIN_MS / 1000),
    clear: (request) => cookie(request, "", 0),
  };
}
