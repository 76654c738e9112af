/** The pipeline that every call goes through: validate input → transaction { identify → run → validate output } → publish. */
import type * as z from "zod";
import { CctError } from "../../platform/errors.ts";
import { issueWords } from "../../platform/issues.ts";
import { IT_TAKES } from "../../rules/toolinput.ts";
import { identify, type Sender } from "./identity.ts";
import { NotedError, type Operation } from "./operation.ts";
import { type Environment, transact } from "./transaction.ts";

/** Runs an operation and returns its output. Throws `CctError`. */
export async function invoke<Output extends z.ZodObject>(
  environment: Environment,
  op: Operation<string, z.ZodObject, Output>,
  rawInput: unknown,
  sender: Sender,
): Promise<z.output<Output>> {
  const input = parseInput(op, rawInput);
  try {
    return await transact(
      environment,
      async (transaction) => {
        const { authority, caller } = await identify(transaction.sql, op, sender, transaction.now);
        const { principal } = authority;
        const device = principal.kind === "device" ? principal.device : undefined;
        const browser = principal.kind === "invitation" ? undefined : principal.browser;
        const cause =
          caller.kind === "peer"
            ? { peer_id: caller.peer.peer_id, name: caller.peer.name, isAdmitted: false }
            : undefined;
        // The transaction's own object: to copy it costs more than to fill it in.
        return checkOutput(op, await op.run(Object.assign(transaction, { caller, device, browser, cause }), input));
      },
      op.isolation,
      op.durable,
    );
  } catch (error) {
    // The note survives the rollback.
    if (error instanceof NotedError) await transact(environment, error.record);
    throw error;
  }
}

function parseInput(op: Pick<Operation, "name" | "input">, rawInput: unknown): z.output<z.ZodObject> {
  const given = op.input.safeParse(rawInput ?? {});
  // Clients of many languages write null for what they leave out.
  const parsed = given.success ? given : op.input.safeParse(withoutNulls(rawInput, given.error));
  if (parsed.success) return parsed.data;
  const fields = Object.keys(op.input.shape);
  throw new CctError(
    "bad_request",
    `${op.name}: ${issues(parsed.error)}.`,
    fields.length ? `${IT_TAKES}${fields.join(", ")}.` : "It takes no input.",
  );
}

/** The input without the fields whose null is an issue. A field that the operation does not have stays one. */
function withoutNulls(input: unknown, { issues }: z.ZodError): unknown {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return input;
  const named = new Set(issues.filter(({ path }) => path.length === 1).map(({ path }) => path[0]));
  return Object.fromEntries(Object.entries(input).filter(([name, value]) => value !== null || !named.has(name)));
}

function checkOutput<Output extends z.ZodObject>(
  op: { name: string; output: Output },
  output: unknown,
): z.output<Output> {
  const parsed = op.output.safeParse(output);
  if (parsed.success) return parsed.data;
  throw new CctError("internal", `${op.name} returned an invalid answer: ${issues(parsed.error)}`);
}

/** What is wrong, field by field. */
function issues(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.length ? `${issue.path.join(".")} ` : ""}${issueWords(issue)}`)
    .join("; ");
}
