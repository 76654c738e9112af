/** Other machines: what their tokens open, and how a join string is written. */
import { CctError } from "../platform/errors.ts";

/** What a device's token opens; each includes the one before. */
export const scopes = ["read", "post", "admin"] as const;
export type Scope = (typeof scopes)[number];

export const allows = (has: Scope, needed: Scope): boolean => scopes.indexOf(has) >= scopes.indexOf(needed);

/** An invitation can be used for so long, and once. */
export const INVITATION_MS = 15 * 60_000;

/** When a device was last seen is written down no more often than this. */
export const LAST_SEEN_INTERVAL_MS = 60_000;

/** What a join string says: where the broker is, how to know it, and the code that opens it once. */
export interface Invitation {
  /** `host:port`, an IPv6 host in brackets; the first that answers is taken. */
  addresses: string[];
  /** SHA-256 of the broker's certificate, 64 hexadecimal characters; none: plain HTTP, or a certificate that is signed by others. */
  fingerprint?: string | undefined;
  tls: boolean;
  code: string;
}

const PREFIX = "cct-join-1.";
const MAX_LENGTH = 2_000;

const isHex = (text: unknown, length: number): text is string =>
  typeof text === "string" && text.length === length && /^[0-9a-f]+$/.test(text);

/** One word that can be pasted into a shell unquoted. */
export function writeJoinString(invitation: Invitation): string {
  const { addresses, fingerprint, tls, code } = invitation;
  return (
    PREFIX + Buffer.from(JSON.stringify([tls ? 1 : 0, code, fingerprint ?? "", ...addresses])).toString("base64url")
  );
}

/** Throws `bad_request` for anything that is none; never repeats what it was given, which is a secret. */
export function readJoinString(text: string): Invitation {
  const word = text.trim();
  if (word.startsWith(PREFIX) && word.length <= MAX_LENGTH) {
    try {
      const [tls, code, fingerprint, ...addresses]: unknown[] = JSON.parse(
        Buffer.from(word.slice(PREFIX.length), "base64url").toString(),
      );
      const places = addresses.filter((one): one is string => typeof one === "string" && isHostPort(one));
      const known = fingerprint === "" || isHex(fingerprint, 64);
      if (
        isHex(code, 32) &&
        known &&
        (tls === 0 || tls === 1) &&
        places.length > 0 &&
        places.length === addresses.length
      )
        return { addresses: places, ...(fingerprint === "" ? {} : { fingerprint }), tls: tls === 1, code };
    } catch {
      // Cut, or mistyped.
    }
  }
  throw new CctError(
    "bad_request",
    "This is no join string, or not all of one.",
    "It is the one word that begins with 'cct-join-1.' and that 'cct lan-start' printed: copy it whole.",
  );
}

/** `host:port`, where the host is a name, an IPv4 address, or an IPv6 address in brackets. */
function isHostPort(text: string): boolean {
  const match =
    /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9a-fA-F:.]{2,45}(?:%[A-Za-z0-9]{1,15})?\]):(\d{1,5})$/.exec(text);
  return match !== null && Number(match[1]) >= 1 && Number(match[1]) <= 65_535;
}

/** As people read it aloud: `AB:CD:…`. */
export const formatFingerprint = (hex: string): string => (hex.toUpperCase().match(/../g) ?? []).join(":");
