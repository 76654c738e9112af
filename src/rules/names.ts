/** Names of peers: what one looks like, and which one a newcomer gets. */
import { CctError } from "../platform/errors.ts";

const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?$/i;

/** What names of pools and peers look like. */
export const hasNameShape = (name: string): boolean => NAME.test(name);

/** Whether a peer can have that name. */
export function isName(name: string): boolean {
  return hasNameShape(name) && !RESERVED.includes(name.toLowerCase());
}

/** The name under which a person's messages arrive; no peer can have it. */
export const OPERATOR_NAME = "operator";
/** The name under which the broker itself tells what happened. */
export const BROKER_NAME = "cct";
const RESERVED = [OPERATOR_NAME, BROKER_NAME];

export function checkName(name: string): void {
  if (isName(name)) return;
  throw new CctError(
    "bad_request",
    `'${name.slice(0, 60)}' cannot be a peer's name.`,
    "A name is 1 to 40 letters, digits, '.', '_' or '-', begins and ends with a letter or digit, and is neither 'operator' nor 'cct'.",
  );
}

/** Turns any text (a directory's name, a title) into a name: `My App (2)` → `my-app-2`; nothing usable → `session`. */
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

/** A machine's name has one label's length at the most, however long its domain is. */
export const MAX_HOST = 63;

/** What a machine calls itself, as the part of an address behind `@`: `Ann's MacBook.local` → `ann-s-macbook.local`. */
export function hostFrom(text: string): string {
  const host = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .slice(0, MAX_HOST)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  return host || "unknown";
}

/** How every name begins, but `wanted` itself, that `freeName` may give instead: no other one is in its way. */
export const stemOf = (wanted: string): string => `${wanted.slice(0, 34)}-`;

/** `wanted`, or `wanted-2`, `wanted-3` … : the first that is not taken. Names differ by more than case. */
export function freeName(wanted: string, taken: Iterable<string>): string {
  const used = new Set([...taken].map((name) => name.toLowerCase()));
  if (!used.has(wanted.toLowerCase())) return wanted;
  for (let n = 2; ; n++) {
    const name = `${stemOf(wanted)}${n}`;
    if (!used.has(name.toLowerCase())) return name;
  }
}
