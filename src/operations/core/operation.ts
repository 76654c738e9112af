/**
 * An operation is declared once; its HTTP route, MCP tool, CLI command, typed client, reference page and the
 * checked-in surface are made from the declaration. `invoke` is the one way through which it runs.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type * as z from "zod";
import { CctError, type ErrorCode } from "../../platform/errors.ts";
import { allows, type Scope } from "../../rules/devices.ts";
import type { Limits } from "../../rules/guards.ts";
import type { Device } from "../../store/devices.ts";
import type { DeliveryRow } from "../../store/messages.ts";
import { findCredentials, type Peer } from "../../store/peers.ts";
import type { Isolation, Sql, Store } from "../../store/store.ts";

/** What the bearer token of a request opens: all (the home's own, shown on this machine), what a device may, or one joining. */
export type Principal =
  | { kind: "home" }
  | { kind: "device"; device: Device }
  | { kind: "invitation"; code_hash: string };

/**
 * Who calls: a peer that proved its secret; the person at the CLI; a session that has no peer yet; a person at another
 * machine, who may look; a machine that is just joining.
 */
export type Caller =
  | { kind: "peer"; peer: Peer }
  | { kind: "operator" }
  | { kind: "newcomer" }
  | { kind: "device" }
  | { kind: "invitee"; code_hash: string };

/** Tells a peer's stream to look again, or a device's that they are over. Only a hint: the store is the truth. */
export type Hint = { peer_id: string; about: "mail" | "peer" } | { device_id: string; about: "revoked" };

/** What happened to mail, for whoever counts: a message was stored, a delivery made (`before`: none) or changed. */
export type Happening = { what: "sent" } | { what: "delivery"; before: DeliveryRow | undefined; after: DeliveryRow };

export interface Context {
  sql: Sql;
  caller: Caller;
  /** The other machine that the call comes from. */
  device: Device | undefined;
  /** Milliseconds since 1970; one moment for the whole operation. */
  now: number;
  /** A new random id: 32 hexadecimal characters. */
  newId(): string;
  /** A new id for a message: a UUID of version 7. */
  newMessageId(): string;
  /** The next place in the order of sending, above every earlier one of this broker, and above `last`. */
  nextSeq(last?: number): number;
  /** What the guards allow. */
  limits: Limits;
  /** Publishes a hint, after the commit. */
  emit(hint: Hint): void;
  /** Tells who counts, after the commit. */
  count(happening: Happening): void;
}

/** A failure that the operator is to know of: `record` is run in a transaction of its own, when that of the operation is undone. */
export class NotedError extends CctError {
  constructor(
    code: ErrorCode,
    message: string,
    hint: string,
    readonly record: (context: Pick<Context, "sql" | "now" | "newId">) => Promise<void>,
  ) {
    super(code, message, hint);
  }
}

export interface Operation<
  Name extends string = string,
  Input extends z.ZodObject = z.ZodObject,
  Output extends z.ZodObject = z.ZodObject,
> {
  name: Name;
  /** `snapshot` (see the store) for what reads, or decides about nothing but the rows that it writes. */
  isolation?: Isolation;
  /** Who may call it. */
  by: readonly Caller["kind"][];
  /** The CLI command, commander's syntax: `send <to> <text>`; its arguments are inputs of the same name. */
  cli?: string;
  /** Offered to the model as `cct_<name>`. `alwaysLoad`: worth its place in every request. */
  tool?: { title: string; readOnly: boolean; idempotent: boolean; alwaysLoad?: boolean };
  /** What it does: one paragraph, shown in `--help`, to the model and in the reference. */
  doc: string;
  /** Flat: strings, numbers, booleans; objects only where no person or model types them. */
  input: Input;
  output: Output;
  run(context: Context, input: z.output<Input>): Promise<z.input<Output>>;
}

/** Declares an operation; only here for its types. */
export function operation<const Name extends string, Input extends z.ZodObject, Output extends z.ZodObject>(
  declared: Operation<Name, Input, Output>,
): Operation<Name, Input, Output> {
  return declared;
}

/** What every operation needs of the world. */
export interface Environment {
  store: Store;
  now(): number;
  newId(): string;
  newMessageId(): string;
  nextSeq(last?: number): number;
  limits: Limits;
  publish(hint: Hint): void;
  count(happening: Happening): void;
}

export interface Credentials {
  peer_id: string;
  secret: string;
}

/** Who sent a request: what its token opens, and the peer that it claims to speak for. */
export interface Sender {
  principal: Principal;
  credentials: Credentials | undefined;
}

/** shape → transaction { who → run → check output } → publish after the commit. Throws `CctError`. */
export async function invoke(
  environment: Environment,
  op: Operation,
  rawInput: unknown,
  sender: Sender,
): Promise<unknown> {
  const input = parseInput(op, rawInput);
  const { output, hints, happenings } = await run(environment, op, input, sender).catch(async (error: unknown) => {
    if (error instanceof NotedError) {
      const { now, newId } = environment;
      await environment.store.tx((sql) => error.record({ sql, now: now(), newId }));
    }
    throw error;
  });
  for (const hint of hints) environment.publish(hint);
  for (const happening of happenings) environment.count(happening);
  return output;
}

function run(
  environment: Environment,
  op: Operation,
  input: z.output<z.ZodObject>,
  sender: Sender,
): Promise<{ output: unknown; hints: Hint[]; happenings: Happening[] }> {
  return environment.store.tx(async (sql) => {
    // A transaction may be run again: nothing of an earlier try may survive.
    const hints: Hint[] = [];
    const happenings: Happening[] = [];
    const { principal } = sender;
    const context: Context = {
      sql,
      caller: await identify(sql, op, sender),
      device: principal.kind === "device" ? principal.device : undefined,
      now: environment.now(),
      newId: environment.newId,
      newMessageId: environment.newMessageId,
      nextSeq: environment.nextSeq,
      limits: environment.limits,
      emit: (hint) => hints.push(hint),
      count: (happening) => happenings.push(happening),
    };
    const result = op.output.safeParse(await op.run(context, input));
    if (!result.success)
      throw new CctError("internal", `${op.name} made an answer of the wrong shape: ${issues(result.error)}`);
    return { output: result.data, hints, happenings };
  }, op.isolation);
}

function parseInput(op: Operation, rawInput: unknown): z.output<z.ZodObject> {
  const parsed = op.input.safeParse(rawInput ?? {});
  if (parsed.success) return parsed.data;
  const fields = Object.keys(op.input.shape);
  throw new CctError(
    "bad_request",
    `${op.name}: ${issues(parsed.error)}.`,
    fields.length ? `It takes: ${fields.join(", ")}.` : "It takes no input.",
  );
}

/** What is wrong, field by field. zod's texts name types and limits, never the value that was sent. */
function issues(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.length ? `${issue.path.join(".")}: ` : ""}${issue.message}`)
    .join("; ");
}

/** What a token allows; an invitation allows nothing but its one operation. */
export function scopeOf(principal: Exclude<Principal, { kind: "invitation" }>): Scope {
  return principal.kind === "home" ? "admin" : principal.device.scope;
}

async function identify(sql: Sql, op: Operation, { principal, credentials }: Sender): Promise<Caller> {
  const may = (kind: Caller["kind"]): boolean => op.by.includes(kind);
  if (principal.kind === "invitation") {
    if (may("invitee")) return { kind: "invitee", code_hash: principal.code_hash };
    throw new CctError("forbidden", "A join string opens nothing but joining.", "Join first: cct join <join string>.");
  }
  const scope = scopeOf(principal);
  if (credentials) {
    if (!allows(scope, "post")) throw onlyReads();
    const peer = await authenticate(sql, credentials);
    if (may("peer")) return { kind: "peer", peer };
    throw new CctError("forbidden", `${op.name} is not for peers.`, "Ask the person at the CLI.");
  }
  if (may("newcomer")) {
    if (allows(scope, "post")) return { kind: "newcomer" };
    throw onlyReads();
  }
  if (may("operator") && allows(scope, "admin")) return { kind: "operator" };
  if (may("device")) return { kind: "device" };
  if (may("operator")) {
    throw new CctError(
      "forbidden",
      `${op.name} is for the operator, and this machine's token is not the operator's (its scope is ${scope}).`,
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

const onlyReads = (): CctError =>
  new CctError(
    "forbidden",
    "This machine's token may only read.",
    "Have it join again with the scope 'post': cct device invite --scope post, on the broker's machine.",
  );

/** The peer whose secret was shown. Throws `unauthorized` for anyone else. */
export async function authenticate(sql: Sql, credentials: Credentials): Promise<Peer> {
  const known = await findCredentials(sql, credentials.peer_id);
  if (known && matches(credentials.secret, known.secretHash)) return known.peer;
  throw new CctError(
    "unauthorized",
    "The broker does not know this peer, or its secret is another one.",
    "Register again.",
  );
}

/** How a secret is kept. It has 128 random bits, so that one fast hash is enough. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

function matches(secret: string, secretHash: string): boolean {
  return timingSafeEqual(Buffer.from(hashSecret(secret), "hex"), Buffer.from(secretHash, "hex"));
}

/** The calling peer, in an operation that only peers may call. */
export function callingPeer(context: Context): Peer {
  if (context.caller.kind === "peer") return context.caller.peer;
  throw new CctError("forbidden", "This is for registered peers.", "Register first.");
}
