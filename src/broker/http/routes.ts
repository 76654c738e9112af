/** The routing table: path → method → handler. `POST /api/<operation>` for every operation, and the routes for monitoring. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  identify,
  identifyListener,
  type Principal,
  personBehind,
  type Sender,
} from "../../operations/core/identity.ts";
import { invoke } from "../../operations/core/invoke.ts";
import type { Operation } from "../../operations/core/operation.ts";
import type { Environment } from "../../operations/core/transaction.ts";
import { operations } from "../../operations/index.ts";
import { claimForStream, closeStream, openStream } from "../../operations/stream-claims.ts";
import { openapi } from "../../operations/surface/openapi.ts";
import { CctError } from "../../platform/errors.ts";
import { PROOF_PATH } from "../../platform/proof.ts";
import { answerCost } from "../../rules/throttle.ts";
import { countInbox } from "../../store/people.ts";
import type { Monitoring } from "../operator/monitoring.ts";
import type { Fanout, StreamClaims } from "../streams/fanout.ts";
import type { Feed } from "../streams/feed.ts";
import { authenticateToken, givenHash, type Keys, peerCredentials, proveTo } from "./auth.ts";
import type { BodyReader } from "./body.ts";
import type { Payer } from "./payers.ts";
import { createPlaces } from "./places.ts";
import type { Answer } from "./responder.ts";
import type { Tarpit } from "./tarpit.ts";
import { refuseExcess, type Throttle } from "./throttle.ts";

/** In a request: how many messages wait for me? In its answer: so many. */
const UNREAD_HEADER = "x-cct-unread";

/** Every path has one method. */
export type Route = { method: "GET" | "POST" /** 1 by default. */; cost?: number } & (
  | { /** Needs no token. */ open(request: IncomingMessage, payer: Payer): Promise<Answer> }
  | { handle: Handler }
);

/** Answers the holder of a token; with `undefined` it has written the response itself. */
export type Handler = (
  request: IncomingMessage,
  principal: Principal,
  response: ServerResponse,
  payer: Payer,
) => Promise<Answer | undefined>;

/** Who may read the feed. */
const FEED = { name: "feed", by: ["operator", "device"] } as const;

interface Parts {
  version: string;
  environment: Environment;
  events: Fanout;
  feed: Feed;
  keys: Keys;
  monitoring: Monitoring;
  throttle: Throttle;
  tarpit: Tarpit;
  readJson: BodyReader;
}

export function createRoutes({
  version,
  environment,
  events,
  feed,
  keys,
  monitoring,
  throttle,
  tarpit,
  readJson,
}: Parts): Map<string, Route> {
  const places = createPlaces(environment);
  let description: ReturnType<typeof openapi> | undefined;

  const run =
    (op: Operation): Handler =>
    async (request, principal, response, payer) => {
      const credentials = peerCredentials(request);
      if (!credentials && op.by.includes("newcomer")) {
        refuseExcess(throttle.registration(payer, environment.now()), "registrations", payer, response);
        await places.requireOne();
      }
      const input = await readJson(request, payer.key);
      const body = await invoke(environment, op, input, { principal, credentials });
      const wantsCount = !credentials && request.headers[UNREAD_HEADER] !== undefined;
      const unread = wantsCount ? await unreadOf(principal) : undefined;
      return { body, ...(unread === undefined ? {} : { headers: { [UNREAD_HEADER]: unread } }) };
    };

  /** How many messages wait for the person whose token it is. The command shows it, and need not ask by itself. */
  async function unreadOf(principal: Principal): Promise<number | undefined> {
    const me = personBehind(principal);
    const count =
      me === undefined ? undefined : environment.store.read((sql) => countInbox(sql, me, environment.now()));
    // The operation is done: its answer does not depend on this.
    return count?.catch(() => undefined);
  }

  /** The holder of the token, if there is a valid one. Wrong tokens are delayed and logged here as well. */
  async function optionalPrincipal(request: IncomingMessage): Promise<Principal | undefined> {
    if (request.headers.authorization === undefined) return undefined;
    try {
      return await authenticateToken(request, keys, givenHash(request));
    } catch (error) {
      if (error instanceof CctError && error.code === "unauthorized") await tarpit.delay(request);
      return undefined;
    }
  }

  /** The claims that the broker makes for the stream of a peer, in its name. */
  function claimsOf(sender: Sender, payer: Payer): StreamClaims {
    const stream = environment.newId();
    return {
      id: stream,
      async claim({ limit, budget }) {
        const answer = await invoke(environment, claimForStream, { limit, budget, stream }, sender);
        throttle.charge(payer, answerCost(JSON.stringify(answer).length), environment.now());
        return answer;
      },
      takeBack: async (written) => void (await invoke(environment, closeStream, { stream, written }, sender)),
    };
  }

  const openEvents: Handler = async (request, principal, response, payer) => {
    const sender = { principal, credentials: peerCredentials(request) };
    const mayListen = () => environment.store.read((sql) => identifyListener(sql, sender, environment.now()));
    const listener = await mayListen();
    // Nobody claims a person's mail.
    const claims = sender.credentials && claimsOf(sender, payer);
    if (claims) await invoke(environment, openStream, { stream: claims.id }, sender);
    events.open(listener, principal.kind === "device" ? principal.device.device_id : undefined, response, claims);
    // A revocation between the check and `open` found no stream to end. Without an answer of the database the client
    // opens another one.
    await mayListen().catch(() => response.end());
    return undefined;
  };

  const openFeed: Handler = async (request, principal, response) => {
    const sender = { principal, credentials: peerCredentials(request) };
    const mayRead = () => environment.store.read((sql) => identify(sql, FEED, sender, environment.now()));
    const { caller } = await mayRead();
    // A browser names the place itself only when it reconnects by itself.
    const place = new URL(request.url ?? "", "http://broker").searchParams.get("after") || undefined;
    const after = request.headers["last-event-id"] ?? place;
    feed.open({
      response,
      sees: caller.kind === "operator" ? "all" : "public",
      after: typeof after === "string" ? after : undefined,
      device: principal.kind === "device" ? principal.device.device_id : undefined,
      revocable: revocableOf(principal),
      mayRead,
    });
    return undefined;
  };

  const copyDatabase: Handler = async (_request, principal, response) => {
    if (principal.kind !== "home")
      throw new CctError("forbidden", "Only the broker's own home may copy its database.", "Run it on its machine.");
    const snapshot = await environment.store.snapshot?.();
    if (!snapshot)
      throw new CctError(
        "conflict",
        "The database of this broker is PostgreSQL.",
        "Back it up with pg_dump: docs/backup-and-restore.md.",
      );
    try {
      response.writeHead(200, { "content-type": "application/vnd.sqlite3", "content-length": snapshot.size });
      await pipeline(Readable.from(snapshot.chunks()), response);
    } catch {
      // The reader sees that the copy is not complete.
      response.destroy();
    } finally {
      snapshot.release();
    }
    return undefined;
  };

  return new Map<string, Route>([
    [
      "/health",
      { method: "GET", open: async (request) => ({ body: monitoring.health(await optionalPrincipal(request)) }) },
    ],
    [
      "/ready",
      {
        method: "GET",
        async open(request) {
          const body = await monitoring.ready(await optionalPrincipal(request));
          return { status: body.ready ? 200 : 503, body };
        },
      },
    ],
    [PROOF_PATH, { method: "GET", open: async (request) => ({ body: await proveTo(request, keys) }) }],
    [
      "/status",
      { method: "GET", handle: async (_request, principal) => ({ body: await monitoring.status(joined(principal)) }) },
    ],
    ["/metrics", { method: "GET", handle: async (_request, principal) => monitoring.metrics(joined(principal)) }],
    [
      "/openapi.json",
      {
        method: "GET",
        async handle(_request, principal) {
          joined(principal);
          // Made once: it takes tens of milliseconds.
          description ??= openapi(version);
          return { body: description };
        },
      },
    ],
    ["/backup", { method: "GET", handle: copyDatabase }],
    ["/events", { method: "GET", handle: openEvents }],
    ["/feed", { method: "GET", handle: openFeed }],
    ...operations.map((op: Operation): [string, Route] => [
      `/api/${op.name}`,
      { method: "POST", cost: op.cost ?? 1, handle: run(op) },
    ]),
  ]);
}

/** What can be revoked of the authority with which a request came. */
function revocableOf(principal: Principal): string[] {
  if (principal.kind === "invitation") return [];
  const device = principal.kind === "device" ? [principal.device.device_id] : [];
  return principal.browser === undefined ? device : [...device, principal.browser];
}

/** Throws `method_not_allowed` unless the request has the route's method. HEAD is GET; what has no end has no HEAD. */
export function checkMethod(route: Route, request: IncomingMessage, response: ServerResponse): void {
  const { method } = route;
  const hasHead = method === "GET" && "open" in route;
  if (request.method === method || (hasHead && request.method === "HEAD")) return;
  response.setHeader("allow", hasHead ? "GET, HEAD" : method);
  throw new CctError(
    "method_not_allowed",
    `${request.url?.split("?")[0]} does not take ${request.method}.`,
    method === "POST" ? "Use POST, with the input as a JSON body." : "Use GET.",
  );
}

export function noSuchRoute(method: string | undefined, path: string): CctError {
  return new CctError(
    "not_found",
    `There is no ${method} ${path.slice(0, 80)}.`,
    `Operations are POST /api/<name>: ${operations.map((one) => one.name).join(", ")}.`,
  );
}

/** Throws `forbidden` for the code of a join string. */
function joined(principal: Principal): Exclude<Principal, { kind: "invitation" }> {
  if (principal.kind !== "invitation") return principal;
  throw new CctError("forbidden", "A join string only allows joining.", "Join first: cct join <join string>.");
}
