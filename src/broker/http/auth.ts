/** Who may talk to the broker at all: holders of a token, and no web page. */
import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type Credentials, hashSecret, type Principal } from "../../operations/core/identity.ts";
import { usedUp } from "../../operations/support/invitations.ts";
import { CctError } from "../../platform/errors.ts";
import { SEEN_EVERY_MS } from "../../rules/devices.ts";
import { type Device, deviceByToken, findInvitation, updateDevice } from "../../store/devices.ts";
import type { Sql, Store } from "../../store/store.ts";
import { isNear } from "./listen.ts";

/** The keys of a broker: the home's own token, and what the store knows of other machines. */
export interface Keys {
  token: string;
  store: Store;
  now(): number;
}

/** What the request's bearer token opens. Throws `unauthorized` when that is nothing. */
export async function principalOf(request: IncomingMessage, keys: Keys): Promise<Principal> {
  const given = /^Bearer ([A-Za-z0-9._~+/=-]{1,512})$/i.exec(request.headers.authorization ?? "")?.[1];
  if (given !== undefined) {
    const hash = hashSecret(given);
    // Never from the network: who has read the file here is the operator, whoever shows its content from elsewhere is not.
    if (isNear(request.socket) && isSame(hash, hashSecret(keys.token))) return { kind: "home" };
    const found = await known(keys, hash);
    if (found) return found;
  }
  throw new CctError(
    "unauthorized",
    "The bearer token is missing or wrong.",
    isNear(request.socket)
      ? "Send the one in the 'token' file of the broker's home."
      : "It was revoked, or this machine never joined: ask for a join string (cct lan-start, on the broker's machine).",
  );
}

/** Hashes are looked up, not compared: how long that takes says nothing about the token. */
async function known({ store, now }: Keys, hash: string): Promise<Principal | undefined> {
  const device = await store.look((sql) => deviceByToken(sql, hash));
  if (device) {
    if (isDue(device, now())) await store.tx((sql) => seen(sql, hash, now()), "snapshot");
    return { kind: "device", device };
  }
  const invitation = await store.look((sql) => findInvitation(sql, hash));
  if (!invitation) return undefined;
  if (invitation.used_at !== null || invitation.expires_at <= now()) throw usedUp();
  return { kind: "invitation", code_hash: hash };
}

async function seen(sql: Sql, hash: string, now: number): Promise<void> {
  // What was changed meanwhile stays so: the whole device is written. Of many requests at that moment one writes it.
  const device = await deviceByToken(sql, hash);
  if (device && isDue(device, now)) await updateDevice(sql, { ...device, last_seen: now });
}

const isDue = ({ last_seen }: Device, now: number): boolean => now - (last_seen ?? 0) > SEEN_EVERY_MS;

// Hashes have one length, whatever was given.
const isSame = (a: string, b: string): boolean => timingSafeEqual(Buffer.from(a), Buffer.from(b));

/**
 * A page in a browser can reach us too. It always sends an Origin, or says that it is a page's request; on this machine,
 * by DNS rebinding, it sends a foreign Host.
 */
export function checkNoPage(request: IncomingMessage): void {
  const host = (request.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
  if (isNear(request.socket) && !["127.0.0.1", "localhost", "[::1]"].includes(host)) {
    throw new CctError(
      "forbidden",
      "The Host header does not name this machine.",
      "Use http://127.0.0.1 and the broker's port.",
    );
  }
  if (request.headers.origin !== undefined || request.headers["sec-fetch-site"] !== undefined) {
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
