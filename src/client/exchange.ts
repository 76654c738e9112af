/** One request to one broker over node's own HTTP client, and what can be known of it when no answer comes. */
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import type { Agent as SecureAgent } from "node:https";
import { isOnThisMachine } from "../platform/config.ts";
import { errorFrom, errorLine, systemCode } from "../platform/errors.ts";
import { Unanswered } from "./unanswered.ts";

export interface Request {
  method: "GET" | "POST";
  path: string;
  body?: string;
  headers: OutgoingHttpHeaders;
}

/** Milliseconds until a connection stands, and from then on until the answer begins. */
export interface Patience {
  connect: number;
  answer: number;
}

/** Answers with the response as soon as it begins. Throws `Unanswered`. */
export function exchange(url: string, agent: Agent, what: Request, patience: Patience): Promise<IncomingMessage> {
  const { method, path, body, headers } = what;
  return new Promise((resolve, reject) => {
    let unheard = true;
    // Timers of our own: a socket's timeout counts only once it is connected, and finding a name may hang as well.
    let timer = setTimeout(giveUp, patience.connect);
    function giveUp(): void {
      // Other connections that are kept go the same way: each would cost this time again.
      for (const sockets of Object.values(agent.freeSockets)) for (const one of sockets ?? []) one.destroy();
      outgoing.destroy(
        new Unanswered("unavailable", `The broker at ${url} does not answer.`, "See: cct status", {
          unheard,
          silent: true,
        }),
      );
    }
    function connected(): void {
      unheard = false;
      clearTimeout(timer);
      timer = setTimeout(giveUp, patience.answer);
    }
    const outgoing = request(new URL(path, url), { method, agent, headers }, (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    outgoing.on("socket", (socket) => {
      // One that is kept, or was handed over because it has proved whose it is, is connected already.
      if (!socket.connecting) connected();
      else socket.once(url.startsWith("https:") ? "secureConnect" : "connect", connected);
    });
    outgoing.on("error", (error) => {
      clearTimeout(timer);
      reject(unanswered(error, url, unheard));
    });
    outgoing.end(body);
  });
}

/** What the broker said; throws its `CctError`, or `Unanswered` when the answer broke off or is no broker's. */
export async function readAnswer(
  response: IncomingMessage,
  url: string,
  patience: number,
): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  response.setTimeout(patience, () => response.destroy(new Error("it fell silent")));
  try {
    for await (const chunk of response) chunks.push(chunk);
  } catch (error) {
    throw unanswered(error, url, false);
  }
  return checked(response.statusCode ?? 0, Buffer.concat(chunks).toString("utf8"), url);
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
    const error = errorFrom(body);
    if (error) throw error;
  }
  // It may be what stands before a broker and has just lost it. `silent`: something is there.
  throw new Unanswered(
    "unavailable",
    `What answers at ${url} is not a CCT broker (HTTP ${status}).`,
    "Check the port: cct config show",
    { unheard: false, silent: true },
  );
}

/** What node says of a certificate that nobody it knows has signed, or that is not the host's. */
const UNTRUSTED = /^(?:DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CERT_|ERR_TLS_CERT_)/;

const whatNext = (url: string): string =>
  isOnThisMachine(url) ? "Start one with: cct start" : "Start it there with 'cct lan-start', or see: cct config show";

function unanswered(error: unknown, url: string, unheard: boolean): Unanswered {
  if (error instanceof Unanswered) return error;
  const code = systemCode(error);
  if (code === "ECONNREFUSED")
    return new Unanswered("unavailable", `No broker listens at ${url}.`, whatNext(url), { unheard: true });
  if (code !== undefined && UNTRUSTED.test(code)) {
    return new Unanswered(
      "unauthorized",
      `The broker at ${url} shows a certificate that this machine does not trust (${code}); nothing was sent.`,
      "Join it with a join string, which tells its fingerprint, or: cct config set fingerprint <SHA-256>.",
      { unheard: true },
    );
  }
  return new Unanswered(
    "unavailable",
    `The connection to the broker at ${url} broke (${code ?? errorLine(error)}).`,
    isOnThisMachine(url) ? "Try again; see: cct status" : "Is it running, and is this machine in its network?",
    { unheard },
  );
}

/** Agents that keep connections, and agents for one connection; those for TLS are loaded when they are needed. */
export function createAgents(fingerprints: () => readonly string[] | undefined) {
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
      if (once) return secureAgent(options, fingerprints());
      secure ??= secureAgent(options, fingerprints()).then(keep);
      return secure;
    },
    close() {
      for (const agent of kept) agent.destroy();
    },
  };
}
