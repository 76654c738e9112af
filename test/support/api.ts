/** Talks to a broker over HTTP, politely (`call`, `ok`) or not (`send`). */
import { Agent, type IncomingMessage, request } from "node:http";
import type { InputOf, OperationName, OutputOf } from "../../src/operations/index.ts";
import type { TestBroker } from "./broker.ts";
import { atEnd } from "./cleanup.ts";
import { checkDeclared } from "./declared.ts";

export interface Credentials {
  peer_id: string;
  secret: string;
}

export interface Answer {
  status: number;
  headers: IncomingMessage["headers"];
  text: string;
  /** The body as JSON; `undefined` when it is none. */
  json: unknown;
}

export interface Call {
  method?: string;
  path: string;
  /** Added to, or with `undefined` taken from, what a good client sends. */
  headers?: Record<string, string | undefined>;
  body?: string | Buffer;
  as?: Credentials | undefined;
}

const agent = new Agent({ keepAlive: true });
atEnd(() => agent.destroy());

type Where = Pick<TestBroker, "url" | "token">;

/** Sends a request as it is told, and reads the whole answer. */
export function send(broker: Where, call: Call): Promise<Answer> {
  const headers = Object.entries({ ...goodHeaders(broker, call), ...call.headers }).filter(
    (header): header is [string, string] => header[1] !== undefined,
  );
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(call.path, broker.url),
      { method: call.method ?? "POST", agent, headers: Object.fromEntries(headers) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(call.body);
  });
}

export function goodHeaders(broker: Where, call: Pick<Call, "as" | "body">): Record<string, string> {
  return {
    authorization: `Bearer ${broker.token}`,
    ...(call.as ? { "x-cct-peer": call.as.peer_id, "x-cct-secret": call.as.secret } : {}),
    ...(call.body === undefined
      ? {}
      : { "content-type": "application/json", "content-length": String(Buffer.byteLength(call.body)) }),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Calls an operation with any input, good or bad. */
export async function call(broker: Where, operation: string, input: unknown, as?: Credentials): Promise<Answer> {
  const answer = await send(broker, { path: `/api/${operation}`, body: JSON.stringify(input), as });
  const { error } = Object(answer.json);
  if (answer.status !== 200 && error) checkDeclared(operation, error.code, error.message);
  return answer;
}

/** Calls an operation that must succeed. */
export async function ok<N extends OperationName>(
  broker: Where,
  operation: N,
  input: InputOf<N>,
  as?: Credentials,
): Promise<OutputOf<N>> {
  const answer = await call(broker, operation, input, as);
  if (answer.status !== 200) throw new Error(`${operation} answered ${answer.status}: ${answer.text}`);
  // The broker checks its answers against the schema that this type is made of.
  return answer.json as OutputOf<N>;
}

export interface Refusal {
  status: number;
  code: string;
  message: string;
  hint: string;
}

/** Reads an error in the one shape that all errors have; fails when it is none, or when a part is missing. */
export function refusal(answer: Answer): Refusal {
  const { error } = (answer.json ?? {}) as { error?: { code?: unknown; message?: unknown; hint?: unknown } };
  const { code, message, hint } = error ?? {};
  if (typeof code !== "string" || typeof message !== "string" || typeof hint !== "string" || !message || !hint) {
    throw new Error(`not an error that says what and what next: ${answer.status} ${answer.text.slice(0, 500)}`);
  }
  return { status: answer.status, code, message, hint };
}

/** Calls an operation that must be refused. */
export async function refused(broker: Where, operation: string, input: unknown, as?: Credentials): Promise<Refusal> {
  return refusal(await call(broker, operation, input, as));
}
