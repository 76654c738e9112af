/** Typed HTTP client for one broker, or for several that share a database. Imports operations as types only. */
import type { IncomingMessage } from "node:http";
import type { Credentials } from "../operations/core/identity.ts";
import type { InputOf, OperationName, OutputOf } from "../operations/index.ts";
import type { BrokerStatus, HealthAnswer } from "../operations/surface/broker-status.ts";
import { CctError } from "../platform/errors.ts";
import type { World } from "../platform/world.ts";
import type { Access } from "./access.ts";
import { createAgents, exchange, type Request, readAnswer, type Timeouts } from "./exchange.ts";
import { createFailover, type Target } from "./failover.ts";
import { NoAnswerError } from "./no-answer.ts";
import { isRepeatable } from "./repeatable.ts";

/** The health of one broker in the list. */
export interface BrokerHealth {
  url: string;
  /** Its `/health` answer. Without a version, the broker rejected our token. */
  about?: HealthAnswer;
  problem?: CctError;
}

export interface Client {
  /** Runs an operation. Throws the broker's `CctError`; `unavailable` when no broker answers or its database is down. */
  call<N extends OperationName>(name: N, input: InputOf<N>, as?: Credentials): Promise<OutputOf<N>>;
  /** The same for input of unknown shape; the broker validates it. */
  callAny<N extends OperationName>(name: N, input: unknown, as?: Credentials): Promise<OutputOf<N>>;
  /** `GET /health`. With a valid token the broker identifies itself. `undefined`: nothing listens there. */
  health(): Promise<HealthAnswer | undefined>;
  /** `GET /status` of the broker in use. `undefined`: nothing listens there. */
  status(): Promise<BrokerStatus | undefined>;
  /** The health of every configured broker. */
  healthOfEach(): Promise<BrokerHealth[]>;
  /** Unread messages of this machine's person, from the last answer to a call without credentials; `undefined`: unknown. */
  unread(): number | undefined;
  /**
   * Opens an event stream (SSE): a peer's, or without credentials that of this machine's person. The stream is destroyed as soon as
   * any call to its broker gets no answer.
   */
  openStream(as?: Credentials): Promise<IncomingMessage>;
  /** Opens the feed for people (SSE), after a place or from now on. It ends as `openStream`'s does. */
  openFeed(after: string | undefined): Promise<IncomingMessage>;
  /** `GET /backup`: a copy of the broker's database file, as the body. */
  openBackup(): Promise<IncomingMessage>;
  /** The URL in use; `undefined` without any. */
  inUse(): string | undefined;
  /** Number of configured brokers. */
  brokerCount(): number;
  close(): void;
}

/** Asks for the number of unread messages, and brings it: see `docs/api.md`. */
const UNREAD_HEADER = "x-cct-unread";

/** Shorter than for calls: a person waits for the result of `healthOfEach`. */
const HEALTH_TIMEOUTS: Timeouts = { connect: 2_000, answer: 4_000 };

/** `random` spreads clients over the brokers; `newId` makes the challenges that brokers have to answer. */
export function createClient(access: () => Access, { random, newId }: Pick<World, "random" | "newId">): Client {
  const agents = createAgents(access, newId);
  const streams = new Map<IncomingMessage, string>();
  const brokers = createFailover(access, random, destroyStreams);
  let unread: number | undefined;

  /** The operating system may take minutes to notice that a silent connection is dead. */
  function destroyStreams(url: string): void {
    for (const [stream, at] of streams) if (at === url) stream.destroy(new Error("The broker does not answer."));
  }

  async function send(
    { url, token }: Target,
    request: Omit<Request, "headers">,
    timeouts: Timeouts,
    as?: Credentials,
    stream = false,
  ) {
    const { body } = request;
    const headers = {
      authorization: `Bearer ${token}`,
      ...(as ? { "x-cct-peer": as.peer_id, "x-cct-secret": as.secret } : {}),
      ...(as || body === undefined ? {} : { [UNREAD_HEADER]: "?" }),
      ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
    };
    // A stream gets its own connection for its whole life.
    const response = await exchange(url, await agents.for(url, stream), { ...request, headers }, timeouts);
    const count = response.headers[UNREAD_HEADER];
    if (typeof count === "string" && /^\d+$/.test(count)) unread = Number(count);
    return response;
  }

  function callAny<N extends OperationName>(name: N, input: unknown, as?: Credentials): Promise<OutputOf<N>> {
    const request = { method: "POST", path: `/api/${name}`, body: JSON.stringify(input) } as const;
    const answer = brokers.request(isRepeatable(name, input), async (to, timeouts) =>
      readAnswer(await send(to, request, timeouts, as), to.url, timeouts.answer),
    );
    // The broker has validated the output against the schema from which this type is inferred.
    return answer as Promise<OutputOf<N>>;
  }

  const get = async (path: string, to: Target, timeouts: Timeouts): Promise<Record<string, unknown>> =>
    readAnswer(await send(to, { method: "GET", path }, timeouts), to.url, timeouts.answer);
  /** A response that is read as it comes. */
  async function open(path: string, to: Target, timeouts: Timeouts, as?: Credentials): Promise<IncomingMessage> {
    const response = await send(to, { method: "GET", path }, timeouts, as, true);
    if (response.statusCode === 200) return response;
    await readAnswer(response, to.url, timeouts.answer);
    throw new CctError("unavailable", `The broker did not answer ${path} as expected.`, "See: cct status");
  }
  /** The same for a stream of events. */
  const openEvents = (path: string, as?: Credentials): Promise<IncomingMessage> =>
    brokers.request(true, async (to, timeouts) => {
      const { url } = to;
      const response = await open(path, to, timeouts, as);
      streams.set(response, url);
      response.once("close", () => streams.delete(response));
      // A broker that shuts down closes its streams first, so prefer another one from now on.
      response.once("end", () => brokers.demote(url));
      response.once("error", () => brokers.demote(url));
      return response;
    });
  // The broker builds these answers from the same types.
  const healthAt = (to: Target, timeouts: Timeouts) => get("/health", to, timeouts) as Promise<HealthAnswer>;
  const statusAt = (to: Target, timeouts: Timeouts) => get("/status", to, timeouts) as Promise<BrokerStatus>;

  return {
    call: callAny,
    callAny,
    health: () => undefinedIfUnreachable(brokers.request(true, healthAt)),
    status: () => undefinedIfUnreachable(brokers.request(true, statusAt)),
    healthOfEach() {
      const { urls, token } = access();
      return Promise.all(
        urls.map(async (url): Promise<BrokerHealth> => {
          try {
            return { url, about: await healthAt({ url, token }, HEALTH_TIMEOUTS) };
          } catch (error) {
            if (error instanceof CctError) return { url, problem: error };
            throw error;
          }
        }),
      );
    },
    openBackup: () => brokers.request(true, (to, timeouts) => open("/backup", to, timeouts)),
    unread: () => unread,
    openStream: (as) => openEvents("/events", as),
    openFeed: (after) => openEvents(after === undefined ? "/feed" : `/feed?after=${encodeURIComponent(after)}`),
    inUse: brokers.inUse,
    brokerCount: brokers.count,
    close: agents.close,
  };
}

/** Whether no broker answered. A broker that answers with an error, even `unavailable`, has answered. */
export const isNoAnswer = (error: unknown): error is NoAnswerError => error instanceof NoAnswerError;

/** The answer, or `undefined` when nothing listened at the address. */
async function undefinedIfUnreachable<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isNoAnswer(error) && error.code === "unavailable" && !error.timedOut) return undefined;
    throw error;
  }
}

/** Whether a failed call certainly changed nothing, because no broker received it. */
export const wasNotReceived = (error: unknown): boolean => isNoAnswer(error) && error.notReceived;

/** Whether a call failed because no broker answered, or because the broker cannot work at present. */
export const isUnavailable = (error: unknown): error is CctError =>
  error instanceof CctError && error.code === "unavailable";
