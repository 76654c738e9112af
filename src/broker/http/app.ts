/** The HTTP face: `POST /api/<operation>` for every operation of the list, `GET /events`, and what operators look at (`watch.ts`). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "pino";
import { authenticate, type Principal, scopeOf } from "../../operations/core/identity.ts";
import { invoke } from "../../operations/core/invoke.ts";
import type { Operation } from "../../operations/core/operation.ts";
import type { Environment } from "../../operations/core/transaction.ts";
import { operations } from "../../operations/index.ts";
import { openapi } from "../../operations/surface/openapi.ts";
import { CctError, errorBody, httpStatus, systemCode } from "../../platform/errors.ts";
import { refuseOver } from "../../rules/bounds.ts";
import { allows } from "../../rules/devices.ts";
import { countPeers } from "../../store/peers.ts";
import type { Tally } from "../operator/metrics.ts";
import type { Watch } from "../operator/watch.ts";
import { checkNoPage, type Keys, peerCredentials, principalOf } from "./auth.ts";
import type { Connections } from "./connections.ts";
import type { Fanout } from "./events.ts";
import { rawAnswer } from "./raw.ts";
import { type Pace, throttle } from "./throttle.ts";

/** A message of 64 KiB, every character escaped as six, and some room. */
const MAX_BODY_BYTES = 512 * 1024;
/** All bodies together that are on their way in, and all answers that are on their way out. */
const MAX_RECEIVING_BYTES = 64 * 1024 * 1024;
const MAX_ANSWERING_BYTES = 128 * 1024 * 1024;
/** Answers to wrong credentials that are held back at a time; who fails more often than that is cut off. */
const MAX_HELD_BACK = 64;

/** What a client has time for. Node looks every two seconds. */
const timing = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 2_000,
};
/** A connection on which nothing moves for so long is cut off: a stream has its pulse, an unread answer has not. */
const STILL_MS = 60_000;

export interface App {
  /** The program's version. */
  version: string;
  environment: Environment;
  events: Fanout;
  keys: Keys;
  log: Logger;
  /** What one network address may do. */
  bounds: Pace;
  connections: Connections;
  watch: Watch;
  tally: Tally;
  /** Whether the broker is shutting down. */
  closing(): boolean;
}

/** What the requests of one broker have in common. */
interface Traffic {
  throttle: ReturnType<typeof throttle>;
  receiving: number;
  answering: number;
  heldBack: number;
}

export function createApp(app: App): Server {
  const byPath = new Map<string, Operation>(operations.map((op: Operation) => [`/api/${op.name}`, op]));
  const traffic: Traffic = {
    throttle: throttle(app.bounds),
    receiving: 0,
    answering: 0,
    heldBack: 0,
  };
  const server = createServer(timing);
  server.timeout = STILL_MS;

  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    response.once("close", () => {
      if (!response.headersSent) return;
      const status = `${Math.floor(response.statusCode / 100)}xx`;
      app.tally.answers[status] = (app.tally.answers[status] ?? 0) + 1;
    });
    handle(app, traffic, byPath, request, response).catch((error: unknown) =>
      answerError(app, traffic, request, response, error),
    );
  };
  server.on("request", serve);
  server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
    const error = new CctError("bad_request", "The broker expects nothing of that kind.", "Leave Expect out.");
    void answerError(app, traffic, request, response, error);
  });
  server.on("connect", (_request: IncomingMessage, socket: Socket) => {
    socket.on("error", () => {});
    socket.end(rawAnswer(new CctError("bad_request", "The broker is no proxy.", "Leave CONNECT to proxies.")));
  });
  server.on("clientError", (error, socket) => {
    if (!("writable" in socket) || !socket.writable || systemCode(error) === "ECONNRESET") return void socket.destroy();
    socket.end(rawAnswer(...noRequest(systemCode(error))));
  });
  return server;
}

/** What node's parser refuses never becomes a request. */
function noRequest(code: string | undefined): [CctError, number] {
  if (code === "HPE_HEADER_OVERFLOW") {
    const most = `The request line and headers are larger than ${timing.maxHeaderSize} bytes.`;
    return [new CctError("too_large", most, "Send the input as the body."), 431];
  }
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return [new CctError("bad_request", "The request did not arrive in time.", "Send it whole, at once."), 408];
  return [new CctError("bad_request", "This is no HTTP request.", "Use the cct command, or an HTTP client."), 400];
}

const tooMany = (message: string, hint: string): CctError => new CctError("rate_limited", message, hint);

/** Throws `rate_limited` when the address has to wait, and says how long. */
function checkPace(waitMs: number, what: string, response: ServerResponse): void {
  if (waitMs === 0) return;
  const seconds = Math.ceil(waitMs / 1000);
  response.setHeader("retry-after", seconds);
  throw tooMany(`${what} came from this address.`, `Wait ${seconds} s, then go on more slowly.`);
}

async function handle(
  app: App,
  traffic: Traffic,
  byPath: Map<string, Operation>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const address = request.socket.remoteAddress;
  const now = app.environment.now();
  checkPace(traffic.throttle.request(address, now), "Too many requests", response);
  if (traffic.answering > MAX_ANSWERING_BYTES)
    throw tooMany("Too many answers wait to be read.", "Read the answers, then try again.");
  refuseDoubled(request);
  checkNoPage(request);
  const [path = ""] = (request.url ?? "").split("?", 1);
  if (path === "/health" || path === "/ready") {
    checkMethod(request, response, "GET");
    // Without a token, or with a wrong one, nothing is told but yes or no.
    const { status, body } = await app.watch[path](await whoAsks(app, traffic, request));
    return answer(app, traffic, response, status, body);
  }
  const principal = await principalOf(request, app.keys);
  if (principal.kind !== "invitation") app.connections.prove(request.socket);
  if (path === "/events") {
    checkMethod(request, response, "GET");
    return openStream(app, request, response, principal);
  }
  if (path === "/status" || path === "/metrics" || path === "/openapi.json") {
    checkMethod(request, response, "GET");
    if (principal.kind === "invitation")
      throw new CctError("forbidden", "A join string only allows joining.", "Join first: cct join <join string>.");
    if (path === "/openapi.json") return answer(app, traffic, response, 200, openapi(app.version));
    if (path === "/status") return answer(app, traffic, response, 200, await app.watch.status(principal));
    const { contentType, text } = await app.watch.metrics();
    return answerText(app, traffic, response, 200, text, contentType);
  }
  const op = byPath.get(path);
  if (!op) {
    throw new CctError(
      "not_found",
      `There is no ${request.method} ${path.slice(0, 80)}.`,
      `Operations are POST /api/<name>: ${operations.map((one) => one.name).join(", ")}.`,
    );
  }
  checkMethod(request, response, "POST");
  const credentials = peerCredentials(request);
  if (!credentials && op.by.includes("newcomer")) {
    checkPace(traffic.throttle.registration(address, now), "Too many registrations", response);
    await checkRoom(app.environment);
  }
  const input = await readJson(traffic, request);
  answer(app, traffic, response, 200, await invoke(app.environment, op, input, { principal, credentials }));
}

/** Throws `method_not_allowed`, with an `Allow` header, when a known path is called with another method. */
function checkMethod(request: IncomingMessage, response: ServerResponse, method: "GET" | "POST"): void {
  if (request.method === method) return;
  response.setHeader("allow", method);
  throw new CctError(
    "method_not_allowed",
    `${request.url?.split("?")[0]} does not take ${request.method}.`,
    method === "POST" ? "Use POST, with the input as a JSON body." : "Use GET.",
  );
}

/**
 * Throws `rate_limited` when there are peers enough. Outside of the transaction that makes the new one: to read all peers
 * there would put every two registrations in each other's way. So many that come at one moment may be a few too many.
 */
async function checkRoom({ store, limits }: Environment): Promise<void> {
  if (limits.peers === 0) return;
  refuseOver(
    await store.look(countPeers),
    limits.peers,
    "So many peers are registered that this broker takes no new one",
    "Go on as one that you were (claude --resume), or let the operator raise it: cct config set max_peers <number>",
  );
}

/** Who asks for `/health` or `/ready`. Whoever guesses tokens there is written down and made to wait as everywhere. */
async function whoAsks(app: App, traffic: Traffic, request: IncomingMessage): Promise<Principal | undefined> {
  if (request.headers.authorization === undefined) return undefined;
  try {
    return await principalOf(request, app.keys);
  } catch (error) {
    if (error instanceof CctError && error.code === "unauthorized") await heldBack(app, traffic, request);
    return undefined;
  }
}

/** Headers that say who asks, and for what; of two, a proxy might take the one and we the other. */
const ONCE = new Set(["host", "authorization", "x-cct-peer", "x-cct-secret", "content-type", "content-length"]);

function refuseDoubled({ rawHeaders }: IncomingMessage): void {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? "";
    if (!ONCE.has(name)) continue;
    if (seen.has(name)) throw new CctError("bad_request", `There are two ${name} headers.`, "Send one.");
    seen.add(name);
  }
}

async function openStream(
  app: App,
  request: IncomingMessage,
  response: ServerResponse,
  principal: Principal,
): Promise<void> {
  if (principal.kind === "invitation" || !allows(scopeOf(principal), "post")) {
    throw new CctError("forbidden", "This token opens no event stream.", "It needs the scope 'post'.");
  }
  const credentials = peerCredentials(request);
  if (!credentials) {
    throw new CctError("forbidden", "/events is for registered peers.", "Send X-CCT-Peer and X-CCT-Secret.");
  }
  const peer = await app.environment.store.look((sql) => authenticate(sql, credentials));
  app.events.open(peer.peer_id, principal.kind === "device" ? principal.device.device_id : undefined, response);
}

async function readJson(traffic: Traffic, request: IncomingMessage): Promise<unknown> {
  if (!/^application\/json\b/i.test(request.headers["content-type"] ?? "")) {
    throw new CctError("bad_request", "The body must be JSON.", "Send it with content-type: application/json.");
  }
  const body = await readBody(traffic, request);
  if (body.length === 0) return {};
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw new CctError("bad_request", "The body is not valid UTF-8.", "Encode it as UTF-8.");
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new CctError("bad_request", "The body is not valid JSON.", "Check quotes, commas and brackets.");
  }
}

async function readBody(traffic: Traffic, request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request) {
      size += chunk.length;
      traffic.receiving += chunk.length;
      if (size > MAX_BODY_BYTES) {
        throw new CctError(
          "too_large",
          `The body is larger than ${MAX_BODY_BYTES} bytes.`,
          "A message's text has 64 KiB at most.",
        );
      }
      if (traffic.receiving > MAX_RECEIVING_BYTES)
        throw tooMany("Too many large requests are on their way.", "Wait a second, then send it again.");
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    if (error instanceof CctError) throw error;
    // Its sender broke it off: nobody is there to be answered, and nothing went wrong here.
    throw new CctError("bad_request", "The body broke off.", "Send it again.");
  } finally {
    traffic.receiving -= size;
  }
}

function answer(app: App, traffic: Traffic, response: ServerResponse, status: number, body: unknown): void {
  answerText(app, traffic, response, status, JSON.stringify(body), "application/json");
}

function answerText(
  app: App,
  traffic: Traffic,
  response: ServerResponse,
  status: number,
  text: string,
  contentType: string,
): void {
  const bytes = Buffer.byteLength(text);
  traffic.answering += bytes;
  response.once("close", () => {
    traffic.answering -= bytes;
  });
  // A connection that is kept after its last answer would keep a closing server waiting.
  if (app.closing()) response.setHeader("connection", "close");
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": bytes,
    "cache-control": "no-store",
  });
  response.end(text);
}

async function answerError(
  app: App,
  traffic: Traffic,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): Promise<void> {
  const known =
    error instanceof CctError
      ? error
      : new CctError(
          "internal",
          "The broker made a mistake; it is written in its log.",
          "Try again; if it stays, report it.",
        );
  const status = httpStatus[known.code];
  if (status >= 500) app.log.error({ err: error, path: request.url?.split("?")[0] }, "request failed");
  if (known.code === "rate_limited") app.tally.rateLimited++;
  if (known.code === "unauthorized" && !(await heldBack(app, traffic, request))) return void response.destroy();
  if (response.headersSent || response.destroyed) return void response.destroy();
  if (status === 503) response.setHeader("retry-after", 1);
  // What is left of an unread body must not be taken for the next request.
  if (!request.complete && mayHaveBody(request)) response.setHeader("connection", "close");
  answer(app, traffic, response, status, errorBody(known));
}

function mayHaveBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** Writes down wrong credentials, never what they were, and lets their sender wait. `false`: too many of those wait already. */
async function heldBack(
  { environment, log, tally }: App,
  traffic: Traffic,
  request: IncomingMessage,
): Promise<boolean> {
  const address = request.socket.remoteAddress;
  const now = environment.now();
  tally.wrongCredentials++;
  const failures = traffic.throttle.failed(address, now);
  // Who goes on and on shall not push everything else out of the log.
  if (failures <= 10 || failures % 100 === 0) log.warn({ address, failures }, "wrong credentials");
  const waitMs = traffic.throttle.waitMs(address, now);
  if (waitMs === 0) return true;
  if (traffic.heldBack >= MAX_HELD_BACK) return false;
  traffic.heldBack++;
  await pause(waitMs, undefined, { ref: false });
  traffic.heldBack--;
  return true;
}
