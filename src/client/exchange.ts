/** One HTTP request to one broker. When no answer comes, the error says whether the broker can have received it. */
import { type Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from "node:http";
import type { Agent as SecureAgent } from "node:https";
import { errorFrom, errorLine, systemCode } from "../platform/errors.ts";
import { isOnThisMachine } from "../platform/network.ts";
import type { Access } from "./access.ts";
import { NoAnswerError } from "./no-answer.ts";
import { provenAgent } from "./proven.ts";

export interface Request {
  method: "GET" | "POST";
  path: string;
  body?: string;
  headers: OutgoingHttpHeaders;
}

/**
 * Connections that are not in use close after this time, or a second before the broker closes them, which it announces. With a
 * time of our own, node's agents take account of that: a request on a connection that is just closed would break the stream.
 */
const MAX_IDLE_MS = 600_000;

/** Milliseconds to establish a connection, and from then until the response begins. */
export interface Timeouts {
  connect: number;
  answer: number;
}

/** Resolves when the response begins. Throws `NoAnswerError`. */
export function exchange(url: string, agent: Agent, what: Request, timeouts: Timeouts): Promise<IncomingMessage> {
  const { method, path, body, headers } = what;
  return new Promise((resolve, reject) => {
    let notReceived = true;
    // Throws for a header that HTTP cannot carry.
    const outgoing = request(new URL(path, url), { method, agent, headers }, (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    // Not the socket's own timeout: that starts after connecting, and a name lookup may hang as well.
    let timer = setTimeout(giveUp, timeouts.connect);
    function giveUp(): void {
      // Drop idle connections to the same broker too: each would cost this time again.
      for (const sockets of Object.values(agent.freeSockets)) for (const one of sockets ?? []) one.destroy();
      const hint = isOnThisMachine(url) ? "If it hangs, restart it: cct kill, then cct start." : "See: cct status";
      const error = new NoAnswerError("unavailable", `The broker at ${url} does not answer.`, hint, {
        notReceived,
        timedOut: true,
      });
      // While the connection is being checked, the request has no socket yet and would report nothing.
      reject(error);
      outgoing.destroy(error);
    }
    function connected(): void {
      notReceived = false;
      clearTimeout(timer);
      timer = setTimeout(giveUp, timeouts.answer);
    }
    outgoing.on("socket", (socket) => {
      // A reused socket, or one whose certificate was checked first, is already connected.
      if (!socket.connecting) connected();
      else socket.once(url.startsWith("https:") ? "secureConnect" : "connect", connected);
    });
    outgoing.on("error", (error) => {
      clearTimeout(timer);
      reject(noAnswer(error, url, notReceived));
    });
    outgoing.end(body);
  });
}

/** The broker's answer. Throws its `CctError`, or `NoAnswerError` when the response is cut short or is not a broker's. */
export async function readAnswer(
  response: IncomingMessage,
  url: string,
  timeout: number,
): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  response.setTimeout(timeout, () => response.destroy(new Error("timed out")));
  try {
    await readAll<Buffer>(response, (chunk) => void chunks.push(chunk));
  } catch (error) {
    throw noAnswer(error, url, false);
  }
  return checked(response.statusCode ?? 0, Buffer.concat(chunks).toString("utf8"), url);
}

/** Reads a response to its end. Throws when it is cut short. By events: an async iterator answers later. */
export function readAll<C extends Buffer | string>(response: IncomingMessage, take: (chunk: C) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const cut = (): void => reject(new Error("closed"));
    response.on("end", resolve).on("error", reject).on("close", cut);
    response.on("data", (chunk: C) => {
      try {
        take(chunk);
      } catch (error) {
        reject(error);
        response.destroy();
      }
    });
    if (response.destroyed) cut();
  });
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
  // Perhaps a proxy whose broker is down. `timedOut`: something is there, so this is not "nothing listens".
  throw new NoAnswerError(
    "unavailable",
    `What answers at ${url} is not a CCT broker (HTTP ${status}).`,
    "Check the port: cct config show",
    { notReceived: false, timedOut: true },
  );
}

/** Node's error codes for a certificate that is not trusted or does not match the host. */
const UNTRUSTED = /^(?:DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CERT_|ERR_TLS_CERT_)/;

const startHint = (url: string): string =>
  isOnThisMachine(url) ? "Start one with: cct start" : "Start it there with 'cct lan-start', or see: cct config show";

function noAnswer(error: unknown, url: string, notReceived: boolean): NoAnswerError {
  if (error instanceof NoAnswerError) return error;
  const code = systemCode(error);
  if (code === "ECONNREFUSED")
    return new NoAnswerError("unavailable", `No broker listens at ${url}.`, startHint(url), { notReceived: true });
  if (code !== undefined && UNTRUSTED.test(code)) {
    return new NoAnswerError(
      "unauthorized",
      `The broker at ${url} has a certificate that this machine does not trust (${code}); nothing was sent.`,
      "Join it with a join string, which contains its fingerprint, or run: cct config set fingerprint <SHA-256>.",
      { notReceived: true },
    );
  }
  return new NoAnswerError(
    "unavailable",
    `The connection to the broker at ${url} broke (${code ?? errorLine(error)}).`,
    isOnThisMachine(url) ? "Try again; see: cct status" : "Is it running, and is this machine in its network?",
    { notReceived },
  );
}

/**
 * HTTP agents: keep-alive ones for calls, single-use ones for streams. Each connection is checked before a request is
 * written: plain ones by a proof, those with TLS by the certificate. TLS is loaded on first use.
 */
export function createAgents(access: () => Access, nonce: () => string) {
  const kept: Agent[] = [];
  let plain: Agent | undefined;
  let secure: Promise<SecureAgent> | undefined;
  const keep = <A extends Agent>(agent: A): A => {
    kept.push(agent);
    return agent;
  };
  return {
    async for(url: string, once: boolean): Promise<Agent> {
      const options = once ? {} : { keepAlive: true, maxSockets: 8, timeout: MAX_IDLE_MS };
      if (!url.startsWith("https:")) {
        if (once) return provenAgent(options, access, nonce);
        plain ??= keep(provenAgent(options, access, nonce));
        return plain;
      }
      const { secureAgent } = await import("./pinned.ts");
      if (once) return secureAgent(options, access().fingerprints);
      secure ??= secureAgent(options, access().fingerprints).then(keep);
      return secure;
    },
    close() {
      for (const agent of kept) agent.destroy();
    },
  };
}
