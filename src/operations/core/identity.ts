/** Authentication and authorization: who sent a request, and as which caller an operation runs it. */
import { CctError } from "../../platform/errors.ts";
import { hashSecret, isSame } from "../../platform/secrets.ts";
import { LOGIN_MS } from "../../rules/browsers.ts";
import { allows, type Scope } from "../../rules/devices.ts";
import { OPERATOR_NAME } from "../../rules/names.ts";
import { isLoggedIn } from "../../store/browsers.ts";
import { type Device, deviceInUse } from "../../store/devices.ts";
import { findCredentials, type Peer } from "../../store/peers.ts";
import type { Sql } from "../../store/store.ts";
import { together } from "../../store/together.ts";
import type { Caller, Operation } from "./operation.ts";

/**
 * The holder of a request's token: the broker's own home (full access, on this machine only), a device, or an invitation.
 * `browser`: the id of the browser that is logged in with this authority, and shows a cookie in place of the token.
 */
export type Principal =
  | { kind: "home"; browser?: string }
  | { kind: "device"; device: Device; browser?: string }
  | { kind: "invitation"; code_hash: string };

export interface Credentials {
  peer_id: string;
  secret: string;
}

/** The sender of a request: the holder of its token, and the peer that it claims to be. */
export interface Sender {
  principal: Principal;
  credentials: Credentials | undefined;
}

/** The scope of a token. An invitation has none: it only opens `join_device`. */
function scopeOf(principal: Exclude<Principal, { kind: "invitation" }>): Scope {
  return principal.kind === "home" ? "admin" : principal.device.scope;
}

/**
 * The sender with the authority that it has now. Its token was checked when the request began, and a client may take its
 * time to send the rest. Throws `unauthorized` when its device was revoked since.
 */
async function current(sql: Sql, sender: Sender, now: number): Promise<Sender> {
  const { principal, credentials } = sender;
  if (principal.kind !== "invitation" && principal.browser !== undefined)
    await requireLogin(sql, principal.browser, now);
  if (principal.kind !== "device") return sender;
  const device = await deviceInUse(sql, principal.device.device_id);
  if (device) return { principal: { ...principal, device }, credentials };
  throw new CctError(
    "unauthorized",
    "This machine's token was revoked.",
    "Ask for a join string: cct lan-start, on the broker's machine.",
  );
}

async function requireLogin(sql: Sql, browserId: string, now: number): Promise<void> {
  if (!(await isLoggedIn(sql, browserId, now - LOGIN_MS)))
    throw new CctError("unauthorized", "This browser is not logged in any more.", "Log in again: cct open.");
}

/**
 * The sender with the authority that it has now, and as which caller `op` runs for it. Throws `unauthorized` for wrong
 * credentials, `forbidden` when `op` does not allow the caller.
 */
export async function identify(
  sql: Sql,
  op: Pick<Operation, "name" | "by">,
  sender: Sender,
  now: number,
): Promise<{ authority: Sender; caller: Caller }> {
  const [authority, known] = await read(sql, sender, now);
  return { authority, caller: callerOf(op, authority, known) };
}

type Known = Awaited<ReturnType<typeof findCredentials>>;

/** The authority that a sender has now, and the peer that it claims to be: two reads at once. */
function read(sql: Sql, sender: Sender, now: number): Promise<[Sender, Known]> {
  const { credentials } = sender;
  return together(current(sql, sender, now), credentials && findCredentials(sql, credentials.peer_id));
}

function callerOf(op: Pick<Operation, "name" | "by">, { principal, credentials }: Sender, known: Known): Caller {
  const may = (kind: Caller["kind"]): boolean => op.by.includes(kind);
  if (principal.kind === "invitation") {
    if (may("invitee")) return { kind: "invitee", code_hash: principal.code_hash };
    throw new CctError("forbidden", "A join string only allows joining.", "Join first: cct join <join string>.");
  }
  const scope = scopeOf(principal);
  if (credentials) {
    if (!allows(scope, "post")) throw readOnlyToken();
    const peer = authenticate(credentials, known);
    if (may("peer")) return { kind: "peer", peer };
    throw new CctError("forbidden", `${op.name} is not for peers.`, "Ask the person at the CLI.");
  }
  if (may("newcomer")) {
    if (allows(scope, "post")) return { kind: "newcomer" };
    throw readOnlyToken();
  }
  if (may("operator") && allows(scope, "admin")) return { kind: "operator" };
  if (may("person") && allows(scope, "post")) return { kind: "person" };
  if (may("device")) return { kind: "device" };
  if (may("operator")) {
    throw new CctError(
      "forbidden",
      `${op.name} is for the operator, and this machine's token has only the scope '${scope}'.`,
      may("peer")
        ? "Run it in a session's shell or with --as <session>, or on the broker's machine."
        : "Run it on the broker's machine.",
    );
  }
  if (may("peer")) {
    throw new CctError(
      "forbidden",
      `${op.name} is for registered peers.`,
      "Register first, then send the peer's id and secret.",
    );
  }
  throw new CctError("forbidden", `${op.name} is for a machine that joins with a join string.`, "See: cct lan-start");
}

const readOnlyToken = (): CctError =>
  new CctError(
    "forbidden",
    "This machine's token is read-only.",
    "Have it join again with the scope 'post': cct device invite --scope post, on the broker's machine.",
  );

/** Whose event stream the sender may open: its peer's id, without one its person's. Throws `unauthorized` or `forbidden`. */
export async function identifyListener(sql: Sql, sender: Sender, now: number): Promise<string> {
  const [{ principal, credentials }, known] = await read(sql, sender, now);
  const person = personBehind(principal);
  if (person === undefined)
    throw new CctError("forbidden", "This token cannot open an event stream.", "It needs the scope 'post'.");
  return credentials ? authenticate(credentials, known).peer_id : person;
}

/** The id of the person whose token it is; `undefined` for one that may not post: it has no mailbox. */
export function personBehind(principal: Principal): string | undefined {
  if (principal.kind === "home") return OPERATOR_NAME;
  return principal.kind === "device" && allows(principal.device.scope, "post") ? principal.device.device_id : undefined;
}

/** The hash of a secret, once for as long as the front door hands over the same object. */
const hashes = new WeakMap<Credentials, string>();

function secretHash(credentials: Credentials): string {
  const hash = hashes.get(credentials) ?? hashSecret(credentials.secret);
  hashes.set(credentials, hash);
  return hash;
}

/** The peer that these credentials belong to. Throws `unauthorized` otherwise. */
function authenticate(credentials: Credentials, known: Known): Peer {
  if (known && isSame(secretHash(credentials), known.secretHash)) return known.peer;
  throw new CctError("unauthorized", "Unknown peer or wrong secret.", "Register again.");
}
