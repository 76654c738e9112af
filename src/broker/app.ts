/** The HTTP face: `POST /api/<operation>` for every operation of the list, `GET /events`, `GET /health`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Logger } from "pino";
import { CctError, errorBody, httpStatus } from "../errors.ts";
import { operations } from "../operations/index.ts";
import { authenticate, type Environment, invoke, type Operation, type Principal } from "../operations/operation.ts";
import { allows } from "../rules/devices.ts";
import { checkNoPage, type Keys, peerCredentials, principalOf } from "./auth.ts";
import type { Fanout } from "./events.ts";

/** A message of 64 KiB, every character escaped as six, and some room. */
const MAX_BODY_BYTES = 512 * 1024;

export interface App {
  environment: Environment;
  events: Fanout;
  keys: Keys;
  log: Logger;
  /** What `/health` tells to holders of a token. */
  about(to: Principal): Record<string, unknown>;
  /** Whether the broker is shutting down. */
  closing(): boolean;
}

export function createApp(app: App): Server {
  const byPath = new Map<string, Operation>(operations.map((op: Operation) => [`/api/${op.name}`, op]));
  const server = createServer({
    requestTimeout: 30_000,
    headersTimeout: 10_000,
    keepAliveTimeout: 30_000,
    connectionsCheckingInterval: 5_000,
  });

  server.on("request", (request, response) => {
    handle(app, byPath, request, response).catch((error: unknown) => answerError(app, request, response, error));
  });
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
  });
  return server;
}

async function handle(
  app: App,
  byPath: Map<string, Operation>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  checkNoPage(request);
  const [path = ""] = (request.url ?? "").split("?", 1);
  if (path === "/health" && request.method === "GET") {
    // Without a token, or with a wrong one, it tells nothing but that it is alive.
    const known = await principalOf(request, app.keys).catch(() => undefined);
    return answer(app, response, 200, { ok: true, ...(known ? app.about(known) : {}) });
  }
  const principal = await principalOf(request, app.keys);
  if (path === "/events" && request.method === "GET") return openStream(app, request, response, principal);
  const op = byPath.get(path);
  if (!op) {
    throw new CctError(
      "not_found",
      `There is no ${request.method} ${path.slice(0, 80)}.`,
      `Operations are POST /api/<name>: ${operations.map((one) => one.name).join(", ")}.`,
    );
  }
  if (request.method !== "POST")
    throw new CctError("bad_request", `${path} takes POST.`, "Send the input as a JSON body.");
  const credentials = peerCredentials(request);
  const input = await readJson(request);
  answer(app, response, 200, await invoke(app.environment, op, input, { principal, credentials }));
}

async function openStream(
  app: App,
  request: IncomingMessage,
  response: ServerResponse,
  principal: Principal,
): Promise<void> {
  if (principal.kind === "invitation" || (principal.kind === "device" && !allows(principal.device.scope, "post"))) {
    throw new CctError("forbidden", "This token opens no event stream.", "It needs the scope 'post'.");
  }
  const credentials = peerCredentials(request);
  if (!credentials) {
    throw new CctError("forbidden", "/events is for registered peers.", "Send X-CCT-Peer and X-CCT-Secret.");
  }
  const peer = await app.environment.store.tx((sql) => authenticate(sql, credentials));
  app.events.open(peer.peer_id, principal.kind === "device" ? principal.device.device_id : undefined, response);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  if (!/^application\/json\b/i.test(request.headers["content-type"] ?? "")) {
    throw new CctError("bad_request", "The body must be JSON.", "Send it with content-type: application/json.");
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) {
      throw new CctError(
        "too_large",
        `The body is larger than ${MAX_BODY_BYTES} bytes.`,
        "A message's text has 64 KiB at most.",
      );
    }
    chunks.push(chunk);
  }
  if (size === 0) return {};
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new CctError("bad_request", "The body is not valid UTF-8.", "Encode it as UTF-8.");
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new CctError("bad_request", "The body is not valid JSON.", "Check quotes, commas and brackets.");
  }
}

function answer(app: App, response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  // A connection that is kept after its last answer would keep a closing server waiting.
  if (app.closing()) response.setHeader("connection", "close");
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
  });
  response.end(text);
}

function answerError(app: App, request: IncomingMessage, response: ServerResponse, error: unknown): void {
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
  if (response.headersSent || response.destroyed) return void response.destroy();
  // What is left of an unread body must not be taken for the next request.
  if (!request.complete) response.setHeader("connection", "close");
  answer(app, response, status, errorBody(known));
}
