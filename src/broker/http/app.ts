/** The HTTP server: checks each request, finds its route, and answers with a result or an error. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "pino";
import type { Principal } from "../../operations/core/identity.ts";
import type { Environment } from "../../operations/core/transaction.ts";
import { CctError, httpStatus, systemCode } from "../../platform/errors.ts";
import { answerCost } from "../../rules/throttle.ts";
import type { Metrics } from "../operator/metrics.ts";
import type { Monitoring } from "../operator/monitoring.ts";
import type { Fanout } from "../streams/fanout.ts";
import type { Feed } from "../streams/feed.ts";
import { authenticateToken, givenHash, type Keys } from "./auth.ts";
import { createBodyReader } from "./body.ts";
import type { Connections } from "./connections.ts";
import { createPage } from "./page.ts";
import { PAGE_HEADERS } from "./page-headers.ts";
import { createPayers, type Payer } from "./payers.ts";
import { rawResponse } from "./raw.ts";
import { isFromBrowser, refuseDuplicateHeaders, refuseWebPages } from "./request-checks.ts";
import { type Answer, createResponder } from "./responder.ts";
import { checkMethod, createRoutes, type Handler, noSuchRoute } from "./routes.ts";
import { createTarpit } from "./tarpit.ts";
import { createThrottle, type Rates, refuseExcess } from "./throttle.ts";

const MAX_HEADER_BYTES = 16 * 1024;

/** How much longer than the interval of its heartbeats the connection of an idle session is kept. */
const KEPT_LONGER_MS = 20_000;

/**
 * Limits for clients. `timeoutMs`: for the headers of a request; the whole of it gets half as much again. `idleBeatMs`: an idle
 * session sends something so often, and a new connection each time would cost more than what it sends.
 */
const limits = (timeoutMs: number, idleBeatMs: number) => ({
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: timeoutMs,
  requestTimeout: timeoutMs * 1.5,
  connectionsCheckingInterval: timeoutMs / 5,
  keepAliveTimeout: idleBeatMs + KEPT_LONGER_MS,
});
/** Closes a connection without traffic, such as one whose answer is not read. Event streams send a keep-alive before that. */
const INACTIVE_MS = 60_000;

export interface App {
  /** The program's version. */
  version: string;
  environment: Environment;
  events: Fanout;
  feed: Feed;
  keys: Keys;
  /** Hashes of tokens that were valid when the broker started. */
  knownTokens: readonly string[];
  log: Logger;
  /** Limits per token. */
  rates: Rates;
  connections: Connections;
  monitoring: Monitoring;
  metrics: Metrics;
  /** How long a client may take for the headers of a request. */
  clientTimeoutMs: number;
  /** The page: where its files are, and whether other machines may open it. */
  page: { folder: string; onNetwork: boolean };
  /** Whether the broker is shutting down. */
  isClosing(): boolean;
}

export function createApp(app: App): Server {
  const { environment, log, metrics } = app;
  const throttle = createThrottle(app.rates);
  const payers = createPayers(app.keys, app.knownTokens);
  const responder = createResponder(app.isClosing);
  const tarpit = createTarpit({ throttle, log, metrics, now: environment.now });
  const readJson = createBodyReader();
  const routes = createRoutes({ ...app, throttle, tarpit, readJson });
  const page = createPage({ ...app.page, environment, homeHash: app.keys.homeHash, readJson, handlerOf });
  const server = createServer(limits(app.clientTimeoutMs, environment.limits.idle_beat_ms));
  server.timeout = INACTIVE_MS;

  /** What a page may ask of the other routes, it asks as they answer it. */
  function handlerOf(path: string): Handler | undefined {
    const route = routes.get(path);
    return route && "handle" in route ? route.handle : undefined;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = ""] = (request.url ?? "").split("?", 1);
    const onPage = page.isFor(request, path);
    const given = onPage ? page.givenHash(request) : givenHash(request);
    const payer = payers.of(request, given);
    const route = onPage ? page.route(path) : routes.get(path);
    const cost = route?.cost ?? 1;
    // Before anything is refused: a browser treats a refusal as it treats an answer.
    if (isFromBrowser(request)) for (const [name, value] of PAGE_HEADERS) response.setHeader(name, value);
    // Without a valid token nothing dear is done.
    const waitMs = throttle.request(payer, payer.proven ? cost : 1, environment.now());
    refuseExcess(waitMs, "requests", payer, response);
    responder.refuseWhenOverloaded(payer.key);
    refuseDuplicateHeaders(request);
    if (onPage) page.admit(request, path);
    else refuseWebPages(request);
    if (route && "open" in route) {
      checkMethod(route, request, response);
      return answer(payer, response, await route.open(request, payer));
    }
    const principal = await proven(request, given, onPage && response);
    if (!route) throw noSuchRoute(request.method, path);
    checkMethod(route, request, response);
    const holder = payer.proven ? payer : payers.of(request, given);
    if (!payer.proven) throttle.charge(holder, cost, environment.now());
    const answered = await route.handle(request, principal, response, holder);
    if (answered) answer(holder, response, answered);
  }

  /**
   * The holder of the request's token, or of the page's cookie. Whether it is valid decides to whom its next requests are
   * charged. `toPage`: the response to a request of the page.
   */
  async function proven(
    request: IncomingMessage,
    given: string | undefined,
    toPage: ServerResponse | false,
  ): Promise<Principal> {
    try {
      const principal = toPage
        ? await page.authenticate(request, given, toPage)
        : await authenticateToken(request, app.keys, given);
      if (principal.kind === "invitation") return principal;
      app.connections.prove(request.socket);
      payers.record(given, true);
      return principal;
    } catch (error) {
      if (error instanceof CctError && error.code === "unauthorized") payers.record(given, false);
      throw error;
    }
  }

  function answer(payer: Payer, response: ServerResponse, what: Answer): void {
    const bytes = responder.send(response, what, payer.key);
    throttle.charge(payer, answerCost(bytes), environment.now());
  }

  async function sendError(request: IncomingMessage, response: ServerResponse, error: unknown): Promise<void> {
    const known =
      error instanceof CctError
        ? error
        : new CctError(
            "internal",
            "Internal broker error; see the broker log.",
            "Try again; report it if it persists.",
          );
    const status = httpStatus[known.code];
    if (status >= 500) log.error({ err: error, path: request.url?.split("?")[0] }, "request failed");
    if (known.code === "rate_limited") metrics.rateLimited++;
    if (known.code === "unauthorized" && !(await tarpit.delay(request))) return void response.destroy();
    if (response.headersSent || response.destroyed) return void response.destroy();
    responder.sendError(request, response, known);
  }

  server.on("request", (request, response) => {
    response.once("close", () => {
      if (!response.headersSent) return;
      const statusClass = `${Math.floor(response.statusCode / 100)}xx`;
      metrics.answers[statusClass] = (metrics.answers[statusClass] ?? 0) + 1;
    });
    handle(request, response).catch((error: unknown) => sendError(request, response, error));
  });
  server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
    void sendError(
      request,
      response,
      new CctError("bad_request", "The broker does not support Expect.", "Leave it out."),
    );
  });
  server.on("connect", (_request: IncomingMessage, socket: Socket) => {
    socket.on("error", () => {});
    socket.end(rawResponse(new CctError("bad_request", "The broker is not a proxy.", "Do not send CONNECT.")));
  });
  server.on("clientError", (error, socket) => {
    if (!("writable" in socket) || !socket.writable || systemCode(error) === "ECONNRESET") return void socket.destroy();
    socket.end(rawResponse(...parserError(systemCode(error))));
  });
  return server;
}

/** The answer to what node's HTTP parser rejects. */
function parserError(code: string | undefined): [CctError, number] {
  if (code === "HPE_HEADER_OVERFLOW") {
    const message = `The request line and headers are larger than ${MAX_HEADER_BYTES} bytes.`;
    return [new CctError("too_large", message, "Send the input as the body."), 431];
  }
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return [new CctError("bad_request", "The request did not arrive in time.", "Send it in one go."), 408];
  return [new CctError("bad_request", "This is not an HTTP request.", "Use the cct command, or an HTTP client."), 400];
}
