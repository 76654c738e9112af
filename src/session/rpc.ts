/**
 * JSON-RPC 2.0 over standard input and output, one message per line; what MCP makes of it is in `mcp.ts`. It is written by
 * hand because it runs once per session. It never goes deaf: what it cannot read is answered or reported, and it knows which
 * requests still wait for their answer.
 */
import type { Readable, Writable } from "node:stream";
import { errorLine } from "../platform/errors.ts";
import { createLines, idAtTheEnds, type Line } from "./lines.ts";

/** JSON-RPC's codes. */
const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
const INTERNAL_ERROR = -32603;

/** While so many bytes of answers wait for a reader, no more requests are read. */
const MAX_UNREAD_BYTES = 8 * 1024 * 1024;

const NO_BATCHES = "The agreed version of the protocol has no batches.";

type RequestId = string | number;
export type Params = Readonly<Record<string, unknown>>;

/** What a handler throws when the request itself is wrong. */
export class RpcError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** A result that is JSON already. */
export class RawJson {
  constructor(readonly text: string) {}
}

/** A request that waits for its answer. */
export interface Call {
  readonly method: string;
  readonly params: Params;
  /** The client wants no answer any more, and gets none. */
  isCancelled(): boolean;
  /** Runs `action` after the answer has left the process: only then mail in it counts as shown. */
  afterAnswer(action: () => void): void;
}

export interface Handler {
  /** Returns the result. Throws `RpcError`. */
  call(call: Call): unknown;
  /** Whether an array of messages is taken for a batch: only one version of MCP has them. */
  takesBatches(): boolean;
}

export interface RpcServer {
  /** Resolves when all requests that were read are answered. */
  answered(): Promise<void>;
  notify(method: string): void;
}

/** Takes the answer to one message as JSON, or that there is none, and what to do after it. Called once for each. */
type Reply = (answer?: string, action?: () => void) => void;

interface OpenCall {
  id: RequestId;
  cancel(): void;
}

/** Serves from now on. `report`: for the host's log. */
export function serveRpc(
  input: Readable,
  output: Writable,
  handler: Handler,
  report: (problem: string) => void,
): RpcServer {
  /** Not by id: a client that uses one twice gets two answers. */
  const open = new Set<OpenCall>();
  /** Answers that are not yet with the operating system. */
  let unwritten = 0;
  const whenAnswered: (() => void)[] = [];
  const split = createLines();
  input.on("data", (chunk: Buffer) => {
    for (const line of split(chunk)) read(line);
  });

  function read(line: Line): void {
    if ("text" in line) {
      const message = parse(line.text);
      if (Array.isArray(message)) {
        if (message.length === 0) report("A batch is empty.");
        else if (handler.takesBatches()) receiveBatch(message);
        else for (const one of message) refuse(requestIdOf(one), NO_BATCHES, send);
      } else if (line.text.trim() !== "") receive(message, send);
    } else refuse(idAtTheEnds(line.head, line.tail), "The message is longer than 10 MiB.", send);
  }

  /** All answers of a batch leave as one array, when the last one is known; of notifications alone nothing is said. */
  function receiveBatch(messages: readonly unknown[]): void {
    const answers: string[] = [];
    const actions: (() => void)[] = [];
    let waiting = messages.length;
    const collect: Reply = (answer, action) => {
      if (answer) answers.push(answer);
      if (action) actions.push(action);
      waiting--;
      if (waiting > 0) return;
      if (answers.length > 0) send(`[${answers.join(",")}]`, () => actions.forEach((one) => void one()));
    };
    for (const one of messages) receive(one, collect);
  }

  function receive(message: unknown, reply: Reply): void {
    const { jsonrpc, id, method, params = {}, result, error }: Record<string, unknown> = Object(message);
    if (jsonrpc === "2.0" && typeof method === "string" && id === undefined) {
      notified(method, params);
      reply();
    } else if (jsonrpc === "2.0" && typeof method === "string" && isId(id)) {
      request(id, method, params, reply);
    } else if (jsonrpc === "2.0" && method === undefined && (result !== undefined || error !== undefined)) {
      // The answer to a question of ours; we ask none.
      reply();
    } else {
      refuse(requestIdOf(message), "The message is not a JSON-RPC message.", reply);
    }
  }

  function request(id: RequestId, method: string, params: unknown, reply: Reply): void {
    let action: (() => void) | undefined;
    let isCancelled = false;
    const settle = (answer?: string): void => {
      if (!open.delete(call)) return;
      reply(answer, answer === undefined ? undefined : action);
      look();
    };
    const call: OpenCall = {
      id,
      cancel() {
        isCancelled = true;
        settle();
      },
    };
    open.add(call);
    const failed = (error: unknown): void => {
      const code = error instanceof RpcError ? error.code : INTERNAL_ERROR;
      settle(errorAnswer(id, code, error instanceof RpcError ? error.message : errorLine(error)));
    };
    const afterAnswer = (after: () => void): void => {
      // Nobody waits for it: an error in it must not end the session.
      action = () => {
        try {
          after();
        } catch (error) {
          report(errorLine(error));
        }
      };
    };
    try {
      if (!isParams(params)) throw new RpcError(INVALID_PARAMS, "params is not an object.");
      const result = handler.call({ method, params, isCancelled: () => isCancelled, afterAnswer });
      // What is known at once is answered at once, in the order of the requests.
      if (result instanceof Promise) result.then((late: unknown) => settle(answerWith(id, late))).catch(failed);
      else settle(answerWith(id, result));
    } catch (error) {
      failed(error);
    }
  }

  function notified(method: string, params: unknown): void {
    if (method !== "notifications/cancelled") return;
    const { requestId } = Object(params);
    for (const call of [...open]) if (call.id === requestId) call.cancel();
  }

  function refuse(id: RequestId | undefined, problem: string, reply: Reply): void {
    report(problem);
    if (id === undefined) reply();
    else reply(errorAnswer(id, INVALID_REQUEST, problem));
  }

  function send(answer?: string, action?: () => void): void {
    if (!answer) return;
    unwritten++;
    output.write(`${answer}\n`, (error) => {
      unwritten--;
      if (!error) action?.();
      look();
    });
    if (output.writableLength <= MAX_UNREAD_BYTES || input.isPaused()) return;
    input.pause();
    output.once("drain", () => input.resume());
  }

  function look(): void {
    if (open.size === 0 && unwritten === 0) for (const resolve of whenAnswered.splice(0)) resolve();
  }

  return {
    notify: (method) => send(JSON.stringify({ jsonrpc: "2.0", method })),
    answered() {
      const answered = new Promise<void>((resolve) => whenAnswered.push(resolve));
      look();
      return answered;
    },
  };
}

const answerWith = (id: RequestId, result: unknown): string =>
  `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result instanceof RawJson ? result.text : JSON.stringify(result)}}`;
const errorAnswer = (id: RequestId, code: number, message: string): string =>
  JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } });

const isId = (id: unknown): id is RequestId => typeof id === "string" || Number.isInteger(id);
const isParams = (params: unknown): params is Params =>
  typeof params === "object" && params !== null && !Array.isArray(params);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The id of something that looks like a request. Without one there is no answer: MCP knows no id `null`. */
function requestIdOf(message: unknown): RequestId | undefined {
  const { id, method }: Record<string, unknown> = Object(message);
  return method !== undefined && (typeof id === "string" || typeof id === "number") ? id : undefined;
}
