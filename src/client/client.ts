/** Typed calls to a broker, or to one of several that share a database, made from the list of operations (types only). */
import type { IncomingMessage } from "node:http";
import type { Credentials } from "../operations/core/identity.ts";
import type { InputOf, OperationName, OutputOf } from "../operations/index.ts";
import type { BrokerStatus, HealthAnswer } from "../operations/surface/broker-status.ts";
import { CctError } from "../platform/errors.ts";
import { createBrokers } from "./brokers.ts";
import { createAgents, exchange, type Patience, type Request, readAnswer } from "./exchange.ts";
import { isRepeatable } from "./repeatable.ts";
import { Unanswered } from "./unanswered.ts";

/** Where brokers are and what opens them. Asked anew for every call: a broker may come back on another port. */
export interface Access {
  /** None: no broker runs, so that nobody is asked, and the token is shown to nobody. Several share one database. */
  urls: readonly string[];
  token: string;
  /** SHA-256 of the certificates that are accepted; none: any that the system trusts. */
  fingerprints?: readonly string[] | undefined;
}

/** How a broker of the list does. */
export interface Sight {
  url: string;
  /** What it says of itself; without a version it does not take our token. */
  about?: HealthAnswer;
  problem?: CctError;
}

export interface Client {
  /** Runs an operation. Throws the broker's `CctError`; `unavailable` when no broker answers, or one says "not now". */
  call<N extends OperationName>(name: N, input: InputOf<N>, as?: Credentials): Promise<OutputOf<N>>;
  /** The same for an input of unknown shape, which the broker checks. */
  callAny<N extends OperationName>(name: N, input: unknown, as?: Credentials): Promise<OutputOf<N>>;
  /** `/health`: with our token the broker also says who it is. `undefined` when nothing listens there. */
  health(): Promise<HealthAnswer | undefined>;
  /** `/status`: how the broker in use does. `undefined` when nothing listens there. */
  status(): Promise<BrokerStatus | undefined>;
  /** How each broker does, whichever is in use. */
  healthOfEach(): Promise<Sight[]>;
  /** Opens a peer's event stream; answers with the response when the broker accepts. It breaks as soon as a call to its broker is not answered. */
  openStream(as: Credentials): Promise<IncomingMessage>;
  /** The address in use; `undefined` when there is none. */
  inUse(): string | undefined;
  /** How many addresses there are to choose from. */
  choices(): number;
  close(): void;
}

/** For `healthOfEach`: somebody looks on. */
const LOOK: Patience = { connect: 2_000, answer: 4_000 };

/** `random`: 0 to 1, spreads clients over the brokers. */
export function createClient(access: () => Access, random: () => number): Client {
  const agents = createAgents(() => access().fingerprints);
  const streams = new Map<IncomingMessage, string>();
  const brokers = createBrokers(() => access().urls, random, lost);

  /** A stream to it would look open from here for a long time yet. */
  function lost(url: string): void {
    for (const [stream, at] of streams) if (at === url) stream.destroy(new Error("its broker does not answer"));
  }

  async function send(
    url: string,
    request: Omit<Request, "headers">,
    patience: Patience,
    as?: Credentials,
    stream = false,
  ) {
    const { body } = request;
    const headers = {
      authorization: `Bearer ${access().token}`,
      ...(as ? { "x-cct-peer": as.peer_id, "x-cct-secret": as.secret } : {}),
      ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
    };
    // A stream has a connection of its own, which lives as long as it does.
    return exchange(url, await agents.for(url, stream), { ...request, headers }, patience);
  }

  function callAny<N extends OperationName>(name: N, input: unknown, as?: Credentials): Promise<OutputOf<N>> {
    const request = { method: "POST", path: `/api/${name}`, body: JSON.stringify(input) } as const;
    const answer = brokers.ask(isRepeatable(name, input), async (url, patience) =>
      readAnswer(await send(url, request, patience, as), url, patience.answer),
    );
    // The broker validated the output against the schema that this type is inferred from.
    return answer as Promise<OutputOf<N>>;
  }

  const get = async (path: string, url: string, patience: Patience): Promise<Record<string, unknown>> =>
    readAnswer(await send(url, { method: "GET", path }, patience), url, patience.answer);
  // The broker makes its answers of these very types.
  const healthAt = (url: string, patience: Patience) => get("/health", url, patience) as Promise<HealthAnswer>;
  const statusAt = (url: string, patience: Patience) => get("/status", url, patience) as Promise<BrokerStatus>;

  return {
    call: callAny,
    callAny,
    health: () => unlessNobody(brokers.ask(true, healthAt)),
    status: () => unlessNobody(brokers.ask(true, statusAt)),
    healthOfEach: () =>
      Promise.all(
        access().urls.map(async (url): Promise<Sight> => {
          try {
            return { url, about: await healthAt(url, LOOK) };
          } catch (error) {
            if (error instanceof CctError) return { url, problem: error };
            throw error;
          }
        }),
      ),
    openStream: (as) =>
      brokers.ask(true, async (url, patience) => {
        const response = await send(url, { method: "GET", path: "/events" }, patience, as, true);
        if (response.statusCode !== 200) {
          await readAnswer(response, url, patience.answer);
          throw new CctError("unavailable", "The broker opened no stream.", "See: cct status");
        }
        streams.set(response, url);
        response.once("close", () => streams.delete(response));
        // Ended by the other side, or broken: a broker that is told to stop ends its streams first of all.
        response.once("end", () => brokers.failed(url));
        response.once("error", () => brokers.failed(url));
        return response;
      }),
    inUse: brokers.inUse,
    choices: brokers.count,
    close: agents.close,
  };
}

/** Whether no broker has answered; what a broker itself says, "not now" too, is an answer. */
export const isUnanswered = (error: unknown): error is Unanswered => error instanceof Unanswered;

/** An answer; `undefined` when nobody was there to give one. */
async function unlessNobody<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isUnanswered(error) && error.code === "unavailable" && !error.silent) return undefined;
    throw error;
  }
}

/** Whether a call that failed has certainly changed nothing: no broker has got it. */
export const isUnheard = (error: unknown): boolean => isUnanswered(error) && error.unheard;

/** Whether a call failed for want of a broker that answers, or that can do anything now. */
export const isAway = (error: unknown): error is CctError => error instanceof CctError && error.code === "unavailable";
