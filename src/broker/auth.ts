/** Who may talk to the broker at all: holders of the home's token, from this machine, and no web page. */
import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { CctError } from "../errors.ts";
import { type Credentials, hashSecret } from "../operations/operation.ts";

export function bearsToken(request: IncomingMessage, token: string): boolean {
  const given = /^Bearer ([A-Za-z0-9._~+/=-]{1,512})$/i.exec(request.headers.authorization ?? "")?.[1];
  // Hashes have one length, whatever was given.
  return given !== undefined && timingSafeEqual(Buffer.from(hashSecret(given)), Buffer.from(hashSecret(token)));
}

export function checkToken(request: IncomingMessage, token: string): void {
  if (bearsToken(request, token)) return;
  throw new CctError(
    "unauthorized",
    "The bearer token is missing or wrong.",
    "Send the one in the 'token' file of the broker's home.",
  );
}

/** A page in a browser can reach 127.0.0.1 too, by DNS rebinding or a form: it always sends an Origin or a foreign Host. */
export function checkLocal(request: IncomingMessage): void {
  const host = (request.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
  if (!["127.0.0.1", "localhost", "[::1]"].includes(host)) {
    throw new CctError(
      "forbidden",
      "The Host header does not name this machine.",
      "Use http://127.0.0.1 and the broker's port.",
    );
  }
  if (request.headers.origin !== undefined) {
    throw new CctError(
      "forbidden",
      "Requests from web pages are refused.",
      "Use the cct command or the HTTP API without an Origin header.",
    );
  }
}

/** The peer that a request speaks for, as claimed; `invoke` checks the secret. */
export function peerCredentials(request: IncomingMessage): Credentials | undefined {
  const peerId = request.headers["x-cct-peer"];
  const secret = request.headers["x-cct-secret"];
  if (peerId === undefined && secret === undefined) return undefined;
  if (typeof peerId === "string" && typeof secret === "string") return { peer_id: peerId, secret };
  throw new CctError(
    "bad_request",
    "A peer sends both X-CCT-Peer and X-CCT-Secret.",
    "Send both, or neither to act as the operator.",
  );
}
