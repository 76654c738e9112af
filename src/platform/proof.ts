/**
 * How a broker proves that it knows a client's token before the client shows it. Both ends hold the token's hash, and
 * neither sends it: each signs the client's nonce. The broker signs its own address too, so a proof that somebody fetched
 * from another broker, or from the same one at another port, is worth nothing.
 */
import { createHmac } from "node:crypto";
import type { Socket } from "node:net";
import { isSame } from "./secrets.ts";

/** The path that a client asks first on each plain HTTP connection. */
export const PROOF_PATH = "/prove";
export const CHALLENGE_HEADER = "x-cct-challenge";

/** Characters of a token's hash that tell the broker which token is meant. The other 192 bits stay unknown. */
const KEY_ID_LENGTH = 16;

/** Which token a challenge is made with, from the token's hash. */
export const keyIdOf = (hash: string): string => hash.slice(0, KEY_ID_LENGTH);

/** What the broker answers. */
export interface Proof {
  /** Where the broker's end of this connection is: `address:port`. */
  address: string;
  proof: string;
}

export interface Challenge {
  keyId: string;
  nonce: string;
  mac: string;
}

const sign = (hash: string, ...parts: string[]): string =>
  createHmac("sha256", hash).update(parts.join("\n")).digest("hex");
const clientMac = (hash: string, nonce: string): string => sign(hash, "cct client 1", nonce);
const brokerMac = (hash: string, nonce: string, address: string): string => sign(hash, "cct broker 1", nonce, address);

/** The value of the challenge's header. Its signature shows that the client holds the token too. */
export function challengeFor(hash: string, nonce: string): string {
  return `${keyIdOf(hash)}.${nonce}.${clientMac(hash, nonce)}`;
}

/** `undefined`: it is none. */
export function readChallenge(header: string | string[] | undefined): Challenge | undefined {
  const match = /^([0-9a-f]{16})\.([0-9a-f]{32})\.([0-9a-f]{64})$/.exec(typeof header === "string" ? header : "");
  const [, keyId, nonce, mac] = match ?? [];
  return keyId !== undefined && nonce !== undefined && mac !== undefined ? { keyId, nonce, mac } : undefined;
}

/** The broker's answer; `undefined`: the challenge was not made with this token. */
export function prove(hash: string, challenge: Challenge, socket: Socket): Proof | undefined {
  if (!isChallengeOf(hash, challenge)) return undefined;
  const address = addressOf(socket.localAddress, socket.localPort);
  return { address, proof: brokerMac(hash, challenge.nonce, address) };
}

/** Whether a challenge was made with this token. */
export const isChallengeOf = (hash: string, { nonce, mac }: Challenge): boolean => isSame(mac, clientMac(hash, nonce));

export function isProof(hash: string, nonce: string, { address, proof }: Proof): boolean {
  return isSame(proof, brokerMac(hash, nonce, address));
}

/** One end of a connection, in the one form that both sides use: `127.0.0.1:7888`, `[::1]:7888`. */
export function addressOf(address = "", port = 0): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "");
  return `${plain.includes(":") ? `[${plain}]` : plain}:${port}`;
}
