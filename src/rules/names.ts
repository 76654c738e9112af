/**
 * Names of peers, pools, devices, services and hosts: valid shapes, reserved names, and how a free name is found. A name
 * never looks like an id, because references accept both: otherwise a name could take what was meant for an id.
 */
import { CctError } from "../platform/errors.ts";
import { SHORT_ID } from "./address.ts";

const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?$/i;

/** Whether text has the shape of a peer or pool name. Peer names must also not be reserved: see `isName`. */
export const hasNameShape = (name: string): boolean => NAME.test(name);

const HEX = /^[0-9a-f]+$/i;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether text could be read as an id or as the prefix of one: hexadecimal digits that a reference accepts, or a UUID. */
export const looksLikeId = (text: string): boolean => (text.length >= SHORT_ID && HEX.test(text)) || UUID.test(text);

/** Throws `bad_request` if a name looks like an id. `what`: whose name, as in `a pool's`. */
export function checkNotId(name: string, what: string): void {
  if (!looksLikeId(name)) return;
  throw new CctError(
    "bad_request",
    `'${name.slice(0, 60)}' cannot be ${what} name: it could be read as an id.`,
    `Choose a name that is more than digits and the letters a to f, such as '${notAnId(name.slice(0, 32))}'.`,
  );
}

/** The form of a name that does not look like an id: `deadbeef` → `deadbeef-1`. Other names stay as they are. */
export const notAnId = (name: string): string => (looksLikeId(name) ? `${name}-1` : name);

/** Whether a peer can have this name. */
export function isName(name: string): boolean {
  return hasNameShape(name) && !RESERVED.includes(name.toLowerCase()) && !looksLikeId(name);
}

/** What a host calls a session, as an alias of its peer: `null` if that cannot be a reference. */
export function aliasFrom(text: string | undefined): string | null {
  const alias = text?.toLowerCase() ?? "";
  return isName(alias) ? alias : null;
}

/** The name of the operator, the person at the broker's own machine; no peer can have it. */
export const OPERATOR_NAME = "operator";
/** The name of the person at another machine. It is the whole address, and no peer's name has an `@`. */
export const personAt = (device: string): string => `${OPERATOR_NAME}@${device}`;
/** Whether a name is a person's. */
export const isPerson = (name: string): boolean =>
  name.toLowerCase() === OPERATOR_NAME || name.toLowerCase().startsWith(personAt(""));
/** The sender name of the broker's own reports. */
export const BROKER_NAME = "cct";
const RESERVED = [OPERATOR_NAME, BROKER_NAME];

/** Throws `bad_request` if a peer cannot have this name. */
export function checkName(name: string): void {
  if (isName(name)) return;
  checkNotId(name, "a peer's");
  throw new CctError(
    "bad_request",
    `'${name.slice(0, 60)}' cannot be a peer's name.`,
    "A name is 1 to 40 letters, digits, '.', '_' or '-', begins and ends with a letter or digit, and is neither 'operator' nor 'cct'.",
  );
}

/**
 * Makes a name from any text, such as a directory name or a title: `My App (2)` → `my-app-2`; `session` if nothing remains.
 * One that a peer cannot have gets a number: `operator-1`, `deadbeef-1`.
 */
export function nameFrom(text: string): string {
  const name = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9._]+/g, "-")
    .slice(0, 32)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  if (name === "") return "session";
  return isName(name) ? name : `${name}-1`;
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
