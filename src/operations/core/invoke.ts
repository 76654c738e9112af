/** The pipeline that every call goes through: validate input → transaction { identify → run → validate output } → publish. */
import type * as z from "zod";
import { CctError } from "../../platform/errors.ts";
import { issueWords } from "../../platform/issues.ts";
import { identify, type Sender } from "./identity.ts";
import { NotedError, type Operation } from "./operation.ts";
import { type Environment, transact } from "./transaction.ts";

/** Runs an operation and returns its output. Throws `CctError`. */
export async function invoke(
  environment: Environment,
  op: Operation,
  rawInput: unknown,
  sender: Sender,
): Promise<unknown> {
  const input = parseInput(op, rawInput);
  try {
    return await transact(
      environment,
      async (transaction) => {
        const { authority, caller } = await identify(transaction.sql, op, sender);
        const device = authority.principal.kind === "device" ? authority.principal.device : undefined;
        const cause = caller.kind === "peer" ? { ...caller.peer, isAdmitted: false } : undefined;
        return checkOutput(op, await op.run({ ...transaction, caller, device, cause }, input));
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

function checkOutput(op: Operation, output: unknown): unknown {
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
