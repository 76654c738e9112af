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
 * The caller of an operation: a registered peer, the operator at the CLI (or an admin at another machine), a person at
 * another machine who may post, a session without a peer (newcomer), another machine with read access (device), or one that
 * redeems an invitation (invitee).
 */
export type Caller =
  | { kind: "peer"; peer: Peer }
  | { kind: "operator" }
  | { kind: "person" }
  | { kind: "newcomer" }
  | { kind: "device" }
  | { kind: "invitee"; code_hash: string };

/** What `run` gets besides its input. */
export interface Context extends TransactionContext {
  caller: Caller;
  /** The other machine that the request comes from. */
  device: Device | undefined;
  /** The id of the browser in which the page asks. */
  browser: string | undefined;
}

/** An error that also leaves a note for the operator: `record` runs in its own transaction, after the rollback of the operation's. */
export class NotedError extends CctError {
  constructor(
    code: ErrorCode,
    message: string,
    hint: string,
    readonly record: (context: Pick<Context, "sql" | "now" | "newId" | "changed">) => Promise<void>,
  ) {
    super(code, message, hint);
  }
}

/**
 * Whether a client may send a call again when its answer was lost: `always` (it reads, or sets what it sets to the same
 * value), `never` (a second call has a second effect), or `with <field>` (the input field is an idempotency key).
 */
export type Repeatable<Field extends string = string> = "always" | "never" | `with ${Field}`;

/** How an operation is offered to the model, as the tool `cct_<name>`. */
export interface ToolFace {
  title: string;
  /** It changes nothing. */
  readOnly: boolean;
  /** Its definition is worth its tokens in every request. */
  alwaysLoad?: boolean;
  /** Input fields that are not in its definition, because few calls need them: an error or an answer names them then. */
  unlisted?: readonly string[];
  /** Fields that the session server adds to the operation's output. */
  adds?: z.ZodRawShape;
  /** Fields of the input that the session server takes, besides the operation's. */
  takes?: z.ZodRawShape;
}

/** Codes that only some operations answer with. Every operation can answer with each of the others. */
export type SpecificError = "not_found" | "ambiguous" | "conflict";

/** The declaration. The last three parameters keep the types of optional parts, for tables that must be complete. */
export interface Operation<
  Name extends string = string,
  Input extends z.ZodObject = z.ZodObject,
  Output extends z.ZodObject = z.ZodObject,
  Cli extends string | undefined = string | undefined,
  Tool extends ToolFace | undefined = ToolFace | undefined,
  Error extends SpecificError = SpecificError,
> {
  name: Name;
  /** `snapshot` (see the store) for operations that only read, or whose decisions depend only on the rows they write. */
  isolation?: Isolation;
  /**
   * False: a power cut may undo its changes, so its answer does not wait for the disk. For calls that come again and again.
   * What makes, ends or queues mail is durable in any case.
   */
  durable?: false;
  /** How many cheap calls it counts as in the rate of the caller's token; default 1. Its answer is charged by its length. */
  cost?: number;
  /** The callers that are allowed. */
  by: readonly Caller["kind"][];
  repeatable: Repeatable<keyof z.input<Input> & string>;
  /** Error codes besides those that every operation can answer with. */
  errors?: readonly Error[];
  /** The CLI command in commander's syntax: `send <to> <text>`; its arguments are inputs of the same name. */
  cli?: Cli;
  /** An example of the command, without `cct`. */
  example?: string;
  tool?: Tool;
  /** What it does: one paragraph, shown in `--help`, to the model and in the reference. The first sentence is the summary. */
  doc: string;
  /** Flat: strings, numbers, booleans; objects only where neither people nor models type them. */
  input: Input;
  output: Output;
  /** Awaits nothing but `sql`: after a serialization failure it runs again. */
  run(context: Context, input: z.output<Input>): Promise<z.input<Output>>;
}

/** Declares an operation; exists only for type inference. */
export function operation<
  const Name extends string,
  Input extends z.ZodObject,
  Output extends z.ZodObject,
  const Cli extends string | undefined = undefined,
  const Tool extends ToolFace | undefined = undefined,
  const Error extends SpecificError = never,
>(declared: Operation<Name, Input, Output, Cli, Tool, Error>): Operation<Name, Input, Output, Cli, Tool, Error> {
  return declared;
}

/** The calling peer, in an operation that only peers may call. Throws `forbidden` for other callers. */
export function callingPeer({ caller }: Pick<Context, "caller">): Peer {
  if (caller.kind === "peer") return caller.peer;
  throw new CctError("forbidden", "Only registered peers can call this.", "Register first.");
}
