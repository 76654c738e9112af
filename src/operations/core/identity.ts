/** Authentication and authorization: who sent a request, and as which caller an operation runs it. */
import { CctError } from "../../platform/errors.ts";
import { hashSecret, isSame } from "../../platform/secrets.ts";
import { allows, type Scope } from "../../rules/devices.ts";
import { type Device, deviceInUse } from "../../store/devices.ts";
import { findCredentials, type Peer } from "../../store/peers.ts";
import type { Sql } from "../../store/store.ts";
import { together } from "../../store/together.ts";
import type { Caller, Operation } from "./operation.ts";

/** The holder of a request's bearer token: the broker's own home (full access, on this machine only), a device, or an invitation. */
export type Principal =
  | { kind: "home" }
  | { kind: "device"; device: Device }
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
async function current(sql: Sql, sender: Sender): Promise<Sender> {
  const { principal, credentials } = sender;
  if (principal.kind !== "device") return sender;
  const device = await deviceInUse(sql, principal.device.device_id);
  if (device) return { principal: { kind: "device", device }, credentials };
  throw new CctError(
    "unauthorized",
    "This machine's token was revoked.",
    "Ask for a join string: cct lan-start, on the broker's machine.",
  );
}

/**
 * The sender with the authority that it has now, and as which caller `op` runs for it. Throws `unauthorized` for wrong
 * credentials, `forbidden` when `op` does not allow the caller.
 */
export async function identify(
  sql: Sql,
  op: Pick<Operation, "name" | "by">,
  sender: Sender,
): Promise<{ authority: Sender; caller: Caller }> {
  const [authority, known] = await read(sql, sender);
  return { authority, caller: callerOf(op, authority, known) };
}

type Known = Awaited<ReturnType<typeof findCredentials>>;

/** The authority that a sender has now, and the peer that it claims to be: two reads at once. */
function read(sql: Sql, sender: Sender): Promise<[Sender, Known]> {
  const { credentials } = sender;
  return together(current(sql, sender), credentials && findCredentials(sql, credentials.peer_id));
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

/** The peer whose event stream the sender may open. Throws `unauthorized` or `forbidden`. */
export async function identifyListener(sql: Sql, sender: Sender): Promise<Peer> {
  const [{ principal, credentials }, known] = await read(sql, sender);
  if (principal.kind === "invitation" || !allows(scopeOf(principal), "post"))
    throw new CctError("forbidden", "This token cannot open an event stream.", "It needs the scope 'post'.");
  if (!credentials)
    throw new CctError("forbidden", "/events is for registered peers.", "Send X-CCT-Peer and X-CCT-Secret.");
  return authenticate(credentials, known);
}

/** The peer that these credentials belong to. Throws `unauthorized` otherwise. */
function authenticate(credentials: Credentials, known: Known): Peer {
  if (known && isSame(hashSecret(credentials.secret), known.secretHash)) return known.peer;
  throw new CctError("unauthorized", "Unknown peer or wrong secret.", "Register again.");
}
