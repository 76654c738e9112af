/** Scopes of device tokens, references to devices, and the format of join strings. */
import { CctError } from "../platform/errors.ts";
import { fitting } from "./address.ts";

/** Token scopes; each includes the previous one. */
export const scopes = ["read", "post", "admin"] as const;
export type Scope = (typeof scopes)[number];

export const allows = (has: Scope, needed: Scope): boolean => scopes.indexOf(has) >= scopes.indexOf(needed);

/**
 * Resolves a reference to a device: its name, or an id prefix of at least four characters. It never guesses: throws
 * `not_found`, or `ambiguous` with the candidates.
 */
export function resolveDevice<D extends { device_id: string; name: string }>(ref: string, devices: readonly D[]): D {
  const wanted = ref.trim().toLowerCase();
  const named = devices.filter((one) => one.name === wanted);
  const hits = fitting(wanted, named, devices, (one) => one.device_id);
  const [only] = hits;
  if (only && hits.length === 1) return only;
  const list = (some: readonly D[]): string => {
    const shown = some.slice(0, 8).map((one) => `${one.name} (${one.device_id.slice(0, 8)})`);
    return `${shown.join(", ")}${some.length > 8 ? " and others" : ""}`;
  };
  if (hits.length > 1) {
    throw new CctError(
      "ambiguous",
      `'${ref.slice(0, 80)}' matches ${hits.length} devices: ${list(hits)}.`,
      "Use another name, or more characters of the id.",
    );
  }
  throw new CctError(
    "not_found",
    `There is no device '${ref.slice(0, 80)}'.`,
    devices.length > 0 ? `Devices: ${list(devices)}.` : "No device has a token.",
  );
}

/** All devices that were let in with the token of `maker`, or with that of a device which it let in, and so on. */
export function madeBy<D extends { device_id: string; made_by: string | null }>(maker: D, all: readonly D[]): D[] {
  const made = all.filter((one) => one.made_by === maker.device_id);
  return [...made, ...made.flatMap((one) => madeBy(one, all))];
}

/** An invitation is valid once, for this long. */
export const INVITATION_MS = 15 * 60_000;

/** Minimum time between two writes of a device's `last_seen`. */
export const LAST_SEEN_INTERVAL_MS = 60_000;

/** The content of a join string: the broker's addresses, its certificate fingerprint, and a one-time code. */
export interface Invitation {
  /** `host:port`, an IPv6 host in brackets. Clients use the first that answers. */
  addresses: string[];
  /** SHA-256 of the broker's certificate as 64 hex digits; `undefined` for plain HTTP or a CA-signed certificate. */
  fingerprint?: string | undefined;
  tls: boolean;
  code: string;
}

const PREFIX = "cct-join-1.";
const MAX_LENGTH = 2_000;

const isHex = (text: unknown, length: number): text is string =>
  typeof text === "string" && text.length === length && /^[0-9a-f]+$/.test(text);

/** Encodes an invitation as one word that needs no quoting in a shell. */
export function writeJoinString(invitation: Invitation): string {
  const { addresses, fingerprint, tls, code } = invitation;
  return (
    PREFIX + Buffer.from(JSON.stringify([tls ? 1 : 0, code, fingerprint ?? "", ...addresses])).toString("base64url")
  );
}

/** Decodes a join string. Throws `bad_request` if it is invalid. The error does not repeat the text, which is a secret. */
export function readJoinString(text: string): Invitation {
  const word = text.trim();
  if (word.startsWith(PREFIX) && word.length <= MAX_LENGTH) {
    try {
      const [tls, code, fingerprint, ...addresses]: unknown[] = JSON.parse(
        Buffer.from(word.slice(PREFIX.length), "base64url").toString(),
      );
      const valid = addresses.filter((one): one is string => typeof one === "string" && isHostPort(one));
      const hasValidPin = fingerprint === "" || isHex(fingerprint, 64);
      if (
        isHex(code, 32) &&
        hasValidPin &&
        (tls === 0 || tls === 1) &&
        valid.length > 0 &&
        valid.length === addresses.length
      )
        return { addresses: valid, ...(fingerprint === "" ? {} : { fingerprint }), tls: tls === 1, code };
    } catch {
      // Truncated or mistyped: rejected below.
    }
  }
  throw new CctError(
    "bad_request",
    "Invalid or truncated join string.",
    "Copy the whole word that 'cct lan-start' printed; it begins with 'cct-join-1.'.",
  );
}

/** `host:port`, where the host is a name, an IPv4 address, or an IPv6 address in brackets. */
function isHostPort(text: string): boolean {
  const match =
    /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9a-fA-F:.]{2,45}(?:%[A-Za-z0-9]{1,15})?\]):(\d{1,5})$/.exec(text);
  return match !== null && Number(match[1]) >= 1 && Number(match[1]) <= 65_535;
}

/** Formats a fingerprint for people: `AB:CD:…`. */
export const formatFingerprint = (hex: string): string => (hex.toUpperCase().match(/../g) ?? []).join(":");
