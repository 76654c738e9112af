/** Typed calls to a broker, made from the list of operations (types only), over node's own HTTP client. */
import { Agent, type IncomingMessage, request } from "node:http";
import type { Agent as SecureAgent } from "node:https";
import { isOnThisMachine } from "../config.ts";
import { CctError, errorLine, isErrorCode, systemCode } from "../errors.ts";
import type { InputOf, OperationName, OutputOf } from "../operations/index.ts";
import type { Credentials } from "../operations/operation.ts";

/** Where a broker is and what opens it. Asked anew for every call: a broker may come back on another port. */
export interface Access {
  /** `undefined`: none runs, so that nobody is asked, and the token is shown to nobody. */
  url: string | undefined;
  token: string;
  /** SHA-256 of the one certificate that is accepted; none: any that the system trusts. */
  fingerprint?: string | undefined;
}

export interface Client {
  /** Runs an operation. Throws the broker's `CctError`; `unavailable` when no broker answers. */
  call<N extends OperationName>(name: N, input: InputOf<N>, as?: Credentials): Promise<OutputOf<N>>;
  /** The same for a name and an input that are only known at run time: the broker checks both. */
  callAny(name: string, input: unknown, as?: Credentials): Promise<Record<string, unknown>>;
  /** `/health`: with our token the broker also says who it is. `undefined` when nothing listens there. */
  health(): Promise<Record<string, unknown> | undefined>;
  /** Opens a peer's event stream; answers with the response when the broker accepts. */
  openStream(as: Credentials): Promise<IncomingMessage>;
  close(): void;
}

const TIMEOUT_MS = 15_000;

export function createClient(access: () => Access): Client {
  const agents = createAgents(() => access().fingerprint);
  /** For error texts. */
  const place = (): string => access().url ?? "its address";

  async function send(
    method: "GET" | "POST",
    path: string,
    body: string | undefined,
    as: Credentials | undefined,
    stream: boolean,
  ): Promise<IncomingMessage> {
    const { url, token } = access();
    if (url === undefined)
      throw new NobodyThere("unavailable", "No broker runs for this home.", "Start one with: cct start");
    // A stream has a connection of its own, which lives as long as it does.
    const agent = await agents.for(url, stream);
    return new Promise((resolve, reject) => {
      // A timer of our own: a socket's timeout counts only once it is connected, and finding a name may hang as well.
      const timer = setTimeout(() => {
        // Other connections that are kept go the same way: each would cost this time again.
        for (const sockets of Object.values(agent.freeSockets)) for (const one of sockets ?? []) one.destroy();
        outgoing.destroy(new CctError("unavailable", `The broker at ${url} does not answer.`, "See: cct status"));
      }, TIMEOUT_MS);
      const outgoing = request(
        new URL(path, url),
        {
          method,
          agent,
          headers: {
            authorization: `Bearer ${token}`,
            ...(as ? { "x-cct-peer": as.peer_id, "x-cct-secret": as.secret } : {}),
            ...(body === undefined
              ? {}
              : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
          },
        },
        (response) => {
          clearTimeout(timer);
          resolve(response);
        },
      );
      outgoing.on("error", (error) => {
        clearTimeout(timer);
        reject(away(error, url));
      });
      outgoing.end(body);
    });
  }

  async function json(
    method: "GET" | "POST",
    path: string,
    input: unknown,
    as?: Credentials,
  ): Promise<Record<string, unknown>> {
    const body = method === "POST" ? JSON.stringify(input) : undefined;
    const response = await send(method, path, body, as, false);
    const chunks: Buffer[] = [];
    response.setTimeout(TIMEOUT_MS, () => response.destroy(new Error("it fell silent")));
    try {
      for await (const chunk of response) chunks.push(chunk);
    } catch (error) {
      throw away(error, place());
    }
    return checked(response.statusCode ?? 0, Buffer.concat(chunks).toString("utf8"), place());
  }

  return {
    call: <N extends OperationName>(name: N, input: InputOf<N>, as?: Credentials) =>
      // The broker has checked the answer against the very schema that this type is made of.
      json("POST", `/api/${name}`, input, as) as Promise<OutputOf<N>>,
    callAny: (name, input, as) => json("POST", `/api/${name}`, input, as),
    async health() {
      try {
        return await json("GET", "/health", undefined);
      } catch (error) {
        if (error instanceof NobodyThere) return undefined;
        throw error;
      }
    },
    async openStream(as) {
      const response = await send("GET", "/events", undefined, as, true);
      if (response.statusCode === 200) return response;
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      checked(response.statusCode ?? 0, Buffer.concat(chunks).toString("utf8"), place());
      throw new CctError("unavailable", "The broker opened no stream.", "See: cct status");
    },
    close: agents.close,
  };
}

/** Agents that keep connections, and agents for one connection; those for TLS are loaded when they are needed. */
function createAgents(fingerprint: () => string | undefined) {
  const kept: Agent[] = [];
  let plain: Agent | undefined;
  let secure: Promise<SecureAgent> | undefined;
  const keep = <A extends Agent>(agent: A): A => {
    kept.push(agent);
    return agent;
  };
  return {
    async for(url: string, once: boolean): Promise<Agent> {
      const options = once ? {} : { keepAlive: true, maxSockets: 8 };
      if (!url.startsWith("https:")) {
        if (once) return new Agent(options);
        plain ??= keep(new Agent(options));
        return plain;
      }
      const { secureAgent } = await import("./pinned.ts");
      if (once) return secureAgent(options, fingerprint());
      secure ??= secureAgent(options, fingerprint()).then(keep);
      return secure;
    },
    close() {
      for (const agent of kept) agent.destroy();
    },
  };
}

function checked(status: number, text: string, url: string): Record<string, unknown> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  if (typeof body === "object" && body !== null) {
    if (status === 200) return body as Record<string, unknown>;
    const { error } = body as { error?: { code?: unknown; message?: unknown; hint?: unknown } };
    if (isErrorCode(error?.code)) throw new CctError(error.code, String(error.message), String(error.hint ?? ""));
  }
  throw new CctError(
    "unavailable",
    `What answers at ${url} is not a CCT broker (HTTP ${status}).`,
    "Check the port: cct config show",
  );
}

/** What node says of a certificate that nobody it knows has signed, or that is not the host's. */
const UNTRUSTED = /^(?:DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CERT_|ERR_TLS_CERT_)/;

/** Nothing listens at the address, or what listened has just gone. */
class NobodyThere extends CctError {
  /** Whether the request has certainly reached nobody. */
  unheard = true;
}

/** Whether a call that failed has certainly changed nothing: no broker has got it. */
export const isUnheard = (error: unknown): boolean => error instanceof NobodyThere && error.unheard;

/** Whether a call failed for want of a broker that answers. */
export const isAway = (error: unknown): error is CctError => error instanceof CctError && error.code === "unavailable";

const whatNext = (url: string): string =>
  isOnThisMachine(url) ? "Start one with: cct start" : "Start it there with 'cct lan-start', or see: cct config show";

function away(error: unknown, url: string): CctError {
  if (error instanceof CctError) return error;
  const code = systemCode(error);
  if (code === "ECONNREFUSED") return new NobodyThere("unavailable", `No broker listens at ${url}.`, whatNext(url));
  if (code !== undefined && UNTRUSTED.test(code)) {
    return new CctError(
      "unauthorized",
      `The broker at ${url} shows a certificate that this machine does not trust (${code}); nothing was sent.`,
      "Join it with a join string, which tells its fingerprint, or: cct config set fingerprint <SHA-256>.",
    );
  }
  const broken = new NobodyThere(
    "unavailable",
    `The connection to the broker at ${url} broke (${code ?? errorLine(error)}).`,
    isOnThisMachine(url) ? "Try again; see: cct status" : "Is it running, and is this machine in its network?",
  );
  broken.unheard = false;
  return broken;
}
