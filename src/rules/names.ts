/** Names of peers, pools and hosts: valid shapes, reserved names, and how a free name is found. */
import { CctError } from "../platform/errors.ts";

const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?$/i;

/** Whether text has the shape of a peer or pool name. Peer names must also not be reserved: see `isName`. */
export const hasNameShape = (name: string): boolean => NAME.test(name);

/** Whether a peer can have this name. */
export function isName(name: string): boolean {
  return hasNameShape(name) && !RESERVED.includes(name.toLowerCase());
}

/** The sender name of the operator; no peer can have it. */
export const OPERATOR_NAME = "operator";
/** The sender name of the broker's own reports. */
export const BROKER_NAME = "cct";
const RESERVED = [OPERATOR_NAME, BROKER_NAME];

/** Throws `bad_request` if a peer cannot have this name. */
export function checkName(name: string): void {
  if (isName(name)) return;
  throw new CctError(
    "bad_request",
    `'${name.slice(0, 60)}' cannot be a peer's name.`,
    "A name is 1 to 40 letters, digits, '.', '_' or '-', begins and ends with a letter or digit, and is neither 'operator' nor 'cct'.",
  );
}

/** Makes a name from any text, such as a directory name or a title: `My App (2)` → `my-app-2`; `session` if nothing remains. */
export function nameFrom(text: string): string {
  const name = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9._]+/g, "-")
    .slice(0, 32)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  if (RESERVED.includes(name)) return `${name}-1`;
  return isName(name) ? name : "session";
}

/** Maximum length of a host in addresses: one DNS label. */
export const MAX_HOST = 63;

/** Makes the host part of addresses from a machine's name: `Ann's MacBook.local` → `ann-s-macbook.local`. */
export function hostFrom(text: string): string {
  const host = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .slice(0, MAX_HOST)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  return host || "unknown";
}

/** The common prefix of all alternatives that `freeName` can return for `wanted`. */
export const stemOf = (wanted: string): string => `${wanted.slice(0, 34)}-`;

/** The first free one of `wanted`, `wanted-2`, `wanted-3` … Comparison is case-insensitive. */
export function freeName(wanted: string, taken: Iterable<string>): string {
  const used = new Set([...taken].map((name) => name.toLowerCase()));
  if (!used.has(wanted.toLowerCase())) return wanted;
  for (let n = 2; ; n++) {
    const name = `${stemOf(wanted)}${n}`;
    if (!used.has(name.toLowerCase())) return name;
  }
}
