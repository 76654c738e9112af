/** Authentication: which principal a request's bearer token belongs to, and which peer it claims to be. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Credentials, Principal } from "../../operations/core/identity.ts";
import { usedUp } from "../../operations/support/invitations.ts";
import { CctError } from "../../platform/errors.ts";
import { CHALLENGE_HEADER, keyIdOf, type Proof, prove, readChallenge } from "../../platform/proof.ts";
import { hashSecret, isSame } from "../../platform/secrets.ts";
import { LAST_SEEN_INTERVAL_MS } from "../../rules/devices.ts";
import { hasElapsed } from "../../rules/presence.ts";
import { type Device, deviceByToken, findInvitation, tokenHashesWith, updateDevice } from "../../store/devices.ts";
import type { Sql, Store } from "../../store/store.ts";
import { isFromThisMachine } from "./listeners.ts";
import { perConnection } from "./per-connection.ts";

/** What tokens are checked against: the home's own token, and those of devices and invitations in the store. */
export interface Keys {
  /** The hash of the home's token. */
  homeHash: string;
  store: Store;
  now(): number;
}

const hashOfToken = perConnection((authorization) => {
  const given = /^Bearer ([A-Za-z0-9._~+/=-]{1,512})$/i.exec(authorization)?.[1];
  return given === undefined ? undefined : hashSecret(given);
});

/** The hash of the token that a request shows, valid or not. */
export function givenHash({ socket, headers }: IncomingMessage): string | undefined {
  return headers.authorization === undefined ? undefined : hashOfToken(socket, headers.authorization);
}

/**
 * The hash of the home's token, for a request from this machine: it has full access, so over the network it is a leaked one,
 * and not valid.
 */
export function homeHashFor(request: IncomingMessage, { homeHash }: Keys): string | undefined {
  return isFromThisMachine(request.socket) ? homeHash : undefined;
}

/** The holder of the token with this hash, the one that the request shows. Throws `unauthorized` if there is none. */
export async function authenticateToken(
  request: IncomingMessage,
  keys: Keys,
  hash: string | undefined,
): Promise<Principal> {
  if (hash !== undefined) {
    const home = homeHashFor(request, keys);
    if (home !== undefined && isSame(hash, home)) return { kind: "home" };
    const found = await findPrincipal(keys, hash);
    if (found) return found;
  }
  throw new CctError(
    "unauthorized",
    "The bearer token is missing or wrong.",
    isFromThisMachine(request.socket)
      ? "Send the one in the 'token' file of the broker's home."
      : "It was revoked, or this machine never joined: ask for a join string (cct lan-start, on the broker's machine).",
  );
}

/** Looks a token up by its hash, so the time that this takes reveals nothing about the token. */
async function findPrincipal({ store, now }: Keys, hash: string): Promise<Principal | undefined> {
  const device = await store.read((sql) => deviceByToken(sql, hash));
  if (device) {
    if (isSeenDue(device, now())) await store.tx((sql) => recordSeen(sql, hash, now()), "snapshot");
    return { kind: "device", device };
  }
  const invitation = await store.read((sql) => findInvitation(sql, hash));
  if (!invitation) return undefined;
  if (invitation.used_at !== null || invitation.expires_at <= now()) throw usedUp();
  return { kind: "invitation", code_hash: hash };
}

async function recordSeen(sql: Sql, hash: string, now: number): Promise<void> {
  // Read again: the whole row is written, and must not undo a concurrent change. Of concurrent requests, one writes.
  const device = await deviceByToken(sql, hash);
  if (device && isSeenDue(device, now)) await updateDevice(sql, { ...device, last_seen: now });
}

const isSeenDue = ({ last_seen }: Device, now: number): boolean =>
  hasElapsed(last_seen ?? 0, LAST_SEEN_INTERVAL_MS, now);

/**
 * Proves to a client that this broker knows its token, which the client has not sent yet. A token that was revoked or
 * used is proven too: what it opens is decided when it comes. Throws `unauthorized` for a token that is not known here.
 */
export async function proveTo(request: IncomingMessage, keys: Keys): Promise<Proof> {
  const challenge = readChallenge(request.headers[CHALLENGE_HEADER]);
  if (!challenge)
    throw new CctError("bad_request", `There is no ${CHALLENGE_HEADER} header.`, "See docs/api.md for its form.");
  const home = homeHashFor(request, keys);
  const isMeant = (hash: string): boolean => keyIdOf(hash) === challenge.keyId;
  // The home's clients are answered also while the database is away.
  const isHomes = home !== undefined && isMeant(home);
  const known = isHomes ? [home] : await keys.store.read((sql) => tokenHashesWith(sql, challenge.keyId));
  for (const hash of known.filter(isMeant)) {
    const proof = prove(hash, challenge, request.socket);
    if (proof) return proof;
  }
  throw new CctError("unauthorized", "The broker does not know this token.", "Is it the token of another broker?");
}

/** What a connection sent last: the same object for the same credentials, so that their secret is hashed once. */
const lastCredentials = new WeakMap<Socket, Credentials>();

/** The peer that a request claims to be; `invoke` checks the secret. */
export function peerCredentials(request: IncomingMessage): Credentials | undefined {
  const peerId = request.headers["x-cct-peer"];
  const secret = request.headers["x-cct-secret"];
  if (peerId === undefined && secret === undefined) return undefined;
  if (typeof peerId === "string" && typeof secret === "string") {
    const last = lastCredentials.get(request.socket);
    if (last?.peer_id === peerId && last.secret === secret) return last;
    const credentials = { peer_id: peerId, secret };
    lastCredentials.set(request.socket, credentials);
    return credentials;
  }
  throw new CctError(
    "bad_request",
    "A peer sends both X-CCT-Peer and X-CCT-Secret.",
    "Send both, or neither to act as the operator.",
  );
}
