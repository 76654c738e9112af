/** The page: its files, its logins, and the operations for browsers that are logged in. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { logIn } from "../../operations/browsers.ts";
import type { Principal } from "../../operations/core/identity.ts";
import { type Environment, transact } from "../../operations/core/transaction.ts";
import { operations } from "../../operations/index.ts";
import { pageOperations } from "../../operations/surface/page-operations.ts";
import { CctError } from "../../platform/errors.ts";
import { BROWSER_SEEN_MS, browserName, LOGIN_MS } from "../../rules/browsers.ts";
import { hasElapsed } from "../../rules/presence.ts";
import { browserByToken, deleteBrowser, recordBrowserSeen } from "../../store/browsers.ts";
import { deviceInUse } from "../../store/devices.ts";
import type { BodyReader } from "./body.ts";
import { isFromThisMachine } from "./listeners.ts";
import { createPageCookie } from "./page-cookie.ts";
import { createPageFiles } from "./page-files.ts";
import { isPageOpen, requireNotEmbedded, requireOwnHost, requireOwnPage } from "./page-gate.ts";
import type { Payer } from "./payers.ts";
import type { Handler, Route } from "./routes.ts";

/** The page's own views. Each has an address, and all of them are one document. */
const VIEW = /^\/(?:open|(?:now|talk|map|time|cost|broker)(?:\/.*)?)?$/;
const FILES = "/page/files/";
/** A code has 32 letters. Nobody who sends one has shown anything yet. */
const LOGIN_BYTES = 1_024;

interface Parts {
  environment: Environment;
  /** The hash of the home's token. */
  homeHash: string;
  /** Where the build put the files. */
  folder: string;
  /** Whether other machines may open the page. */
  onNetwork: boolean;
  readJson: BodyReader;
  /** How the broker answers a path to the holder of a token; a page's browser is such a holder too. */
  handlerOf(path: string): Handler | undefined;
}

interface Page {
  /** Whether a browser asks for the page, or for something on its behalf. */
  isFor(request: IncomingMessage, path: string): boolean;
  /** Throws `forbidden` for a request that another page causes. */
  admit(request: IncomingMessage, path: string): void;
  route(path: string): Route | undefined;
  /** The hash of the cookie and the key that a request shows, valid or not. */
  givenHash(request: IncomingMessage): string | undefined;
  /** The authority of the browser with this hash; its cookie is prolonged. Throws `unauthorized`. */
  authenticate(request: IncomingMessage, hash: string | undefined, response: ServerResponse): Promise<Principal>;
}

/** What a page may call, with its cost. */
const callable = new Map<string, number>(
  operations
    .filter(({ name }) => pageOperations.some((one) => one === name))
    .map(({ name, ...op }) => [name, "cost" in op ? op.cost : 1]),
);

export function createPage(parts: Parts): Page {
  const { environment, onNetwork, readJson } = parts;
  const cookie = createPageCookie(parts.homeHash);
  const files = createPageFiles(parts.folder);

  const document: Route = { method: "GET", open: async () => files.document() };
  const login: Route = { method: "POST", open: answerLogin };
  const logout: Route = { method: "POST", handle: answerLogout };

  async function answerLogin(request: IncomingMessage, payer: Payer) {
    const { code }: { code?: unknown } = Object(await readJson(request, payer.key, LOGIN_BYTES));
    if (typeof code !== "string") throw new CctError("bad_request", "A login needs a code.", "Get a link: cct open.");
    const [token, key] = [environment.newId(), environment.newId()];
    const arrival = {
      tokenHash: cookie.hash(token, key),
      name: browserName(request.headers["user-agent"] ?? ""),
      isHere: isFromThisMachine(request.socket),
    };
    const browser = await transact(environment, (context) => logIn(context, code, arrival));
    // Not in the transaction, which would be undone: the code stays used up.
    if (!browser) throw usedUp();
    return { body: { browser_id: browser.browser_id, key }, headers: { "set-cookie": cookie.set(request, token) } };
  }

  async function answerLogout(request: IncomingMessage, principal: Principal) {
    const browser = principal.kind === "invitation" ? undefined : principal.browser;
    if (browser !== undefined) {
      await environment.store.tx((sql) => deleteBrowser(sql, browser));
      environment.publish({ device_id: browser, about: "revoked" });
    }
    return { body: {}, headers: { "set-cookie": cookie.clear(request) } };
  }

  function dataRoute(path: string): Route | undefined {
    if (path === "/page/login") return login;
    if (path === "/page/logout") return logout;
    if (path === "/page/status") return got("/status");
    if (path === "/page/events") return got("/feed");
    const [, name = ""] = /^\/page\/api\/(\w+)$/.exec(path) ?? [];
    const cost = callable.get(name);
    const handle = cost === undefined ? undefined : parts.handlerOf(`/api/${name}`);
    return handle && { method: "POST", cost: cost ?? 1, handle };
  }

  function got(path: string): Route | undefined {
    const handle = parts.handlerOf(path);
    return handle && { method: "GET", handle };
  }

  return {
    givenHash: cookie.given,
    // A program that is no browser gets what it always got; so does a network that the page is not open to.
    isFor: (request, path) =>
      (path.startsWith("/page/") || (isRead(request.method) && VIEW.test(path))) &&
      request.headers["sec-fetch-site"] !== undefined &&
      isPageOpen(request, onNetwork),
    admit(request, path) {
      requireOwnHost(request);
      if (path.startsWith(FILES) || !path.startsWith("/page/")) requireNotEmbedded(request);
      else requireOwnPage(request);
    },
    route(path) {
      if (!path.startsWith(FILES)) return path.startsWith("/page/") ? dataRoute(path) : document;
      const name = path.slice(FILES.length);
      return { method: "GET", open: async ({ headers }) => files.file(name, String(headers["accept-encoding"] ?? "")) };
    },
    async authenticate(request, hash, response) {
      const now = environment.now();
      const found =
        hash === undefined
          ? undefined
          : await environment.store.read(async (sql) => {
              const browser = await browserByToken(sql, hash, now - LOGIN_MS);
              const device = browser?.device_id == null ? undefined : await deviceInUse(sql, browser.device_id);
              return browser && { browser, device };
            });
      const token = cookie.token(request);
      // The home's authority is for its own machine, and for browsers that the operator let in elsewhere.
      const isValid =
        found &&
        (found.browser.device_id === null
          ? found.browser.on_network || isFromThisMachine(request.socket)
          : found.device);
      if (!found || !isValid || token === undefined) throw notLoggedIn();
      const { browser, device } = found;
      const principal: Principal = device
        ? { kind: "device", device, browser: browser.browser_id }
        : { kind: "home", browser: browser.browser_id };
      if (hasElapsed(browser.last_seen, BROWSER_SEEN_MS, now)) {
        await environment.store.tx((sql) => recordBrowserSeen(sql, browser.browser_id, now), "snapshot");
        response.setHeader("set-cookie", cookie.set(request, token));
      }
      return principal;
    },
  };
}

const isRead = (method: string | undefined): boolean => method === "GET" || method === "HEAD";

const usedUp = (): CctError =>
  new CctError("unauthorized", "This link was used already, or is older than a minute.", "Get a new one: cct open.");

const notLoggedIn = (): CctError =>
  new CctError("unauthorized", "This browser is not logged in.", "Log in: run cct open on the broker's machine.");
