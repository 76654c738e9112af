/**
 * The declaration of an operation. Each capability is declared once; its HTTP route, MCP tool, CLI command, typed client,
 * reference page, OpenAPI entry and surface snapshot are generated from the declaration.
 */
import type * as z from "zod";
import { CctError, type ErrorCode } from "../../platform/errors.ts";
import type { Device } from "../../store/devices.ts";
import type { Peer } from "../../store/peers.ts";
import type { Isolation } from "../../store/store.ts";
import type { TransactionContext } from "./transaction.ts";

/**
 * The caller of an operation: a registered peer, the operator at the CLI, a session without a peer (newcomer), a person at
 * another machine (device, read access), or a machine that redeems an invitation (invitee).
 */
export type Caller =
  | { kind: "peer"; peer: Peer }
  | { kind: "operator" }
  | { kind: "newcomer" }
  | { kind: "device" }
  | { kind: "invitee"; code_hash: string };

/** What `run` gets besides its input. */
export interface Context extends TransactionContext {
  caller: Caller;
  /** The other machine that the request comes from. */
  device: Device | undefined;
}

/** An error that also leaves a note for the operator: `record` runs in its own transaction, after the rollback of the operation's. */
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
  /** `snapshot` (see the store) for operations that only read, or whose decisions depend only on the rows they write. */
  isolation?: Isolation;
  /** The callers that are allowed. */
  by: readonly Caller["kind"][];
  /** The CLI command in commander's syntax: `send <to> <text>`; its arguments are inputs of the same name. */
  cli?: string;
  /** Offered to the model as `cct_<name>`. `alwaysLoad`: its definition is worth its tokens in every request. */
  tool?: { title: string; readOnly: boolean; idempotent: boolean; alwaysLoad?: boolean };
  /** What it does: one paragraph, shown in `--help`, to the model and in the reference. */
  doc: string;
  /** Flat: strings, numbers, booleans; objects only where neither people nor models type them. */
  input: Input;
  output: Output;
  /** Awaits nothing but `sql`: after a serialization failure it runs again. */
  run(context: Context, input: z.output<Input>): Promise<z.input<Output>>;
}

/** Declares an operation; exists only for type inference. */
export function operation<const Name extends string, Input extends z.ZodObject, Output extends z.ZodObject>(
  declared: Operation<Name, Input, Output>,
): Operation<Name, Input, Output> {
  return declared;
}

/** The calling peer, in an operation that only peers may call. Throws `forbidden` for other callers. */
export function callingPeer({ caller }: Pick<Context, "caller">): Peer {
  if (caller.kind === "peer") return caller.peer;
  throw new CctError("forbidden", "Only registered peers can call this.", "Register first.");
}
