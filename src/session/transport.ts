/**
 * MCP over standard input and output, one JSON message per line. Unlike the SDK's own transport it never goes deaf: what it
 * cannot read is answered or reported, and it knows which requests still wait for their answer.
 */
import type { Readable, Writable } from "node:stream";
import { deserializeMessage, serializeMessage } from "@modelcontextprotocol/sdk/shared/stdio.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/sdk/types.js";
import { createLines, idAtTheEnds, type Line } from "./lines.ts";

/** JSON-RPC's code for a message that is not a valid request. */
const INVALID_REQUEST = -32600;

export interface StdioTransport extends Transport {
  /** Runs `action` after the answer to the request `id` has left the process: only then mail in it counts as shown. */
  afterAnswer(id: RequestId, action: () => void): void;
  /** Resolves when all requests that were read are answered. */
  answered(): Promise<void>;
}

/** `report`: for the host's log. */
export function stdioTransport(input: Readable, output: Writable, report: (problem: string) => void): StdioTransport {
  const actions = new Map<RequestId, () => void>();
  const open = new Set<RequestId>();
  const whenAnswered: (() => void)[] = [];
  const split = createLines();

  function settle(id: RequestId): void {
    open.delete(id);
    if (open.size === 0) for (const resolve of whenAnswered.splice(0)) resolve();
  }

  function read(line: Line): void {
    if ("text" in line) {
      const message = parse(line.text);
      if (message) receive(message);
      else if (line.text.trim() !== "") refuse(idIn(line.text), "The message is not a JSON-RPC message.");
    } else refuse(idAtTheEnds(line.head, line.tail), "The message is longer than 10 MiB.");
  }

  function receive(message: JSONRPCMessage): void {
    if ("method" in message && "id" in message) open.add(message.id);
    transport.onmessage?.(message);
    // A cancelled request gets no answer.
    if ("method" in message && message.method === "notifications/cancelled") {
      const { requestId } = Object(message.params);
      if (typeof requestId === "string" || typeof requestId === "number") settle(requestId);
    }
  }

  function refuse(id: RequestId | undefined, problem: string): void {
    report(problem);
    if (id === undefined) return;
    void transport.send({ jsonrpc: "2.0", id, error: { code: INVALID_REQUEST, message: problem } });
  }

  const transport: StdioTransport = {
    afterAnswer: (id, action) => void actions.set(id, action),
    answered: () => (open.size === 0 ? Promise.resolve() : new Promise((resolve) => whenAnswered.push(resolve))),
    async start() {
      input.on("data", (chunk: Buffer) => {
        for (const line of split(chunk)) read(line);
      });
    },
    async send(message) {
      const failed = await new Promise((resolve) => output.write(serializeMessage(message), resolve));
      if (!("id" in message) || message.id === undefined || "method" in message) return;
      const action = actions.get(message.id);
      actions.delete(message.id);
      if (!failed) action?.();
      settle(message.id);
    },
    async close() {
      input.pause();
      transport.onclose?.();
    },
  };
  return transport;
}

function parse(text: string): JSONRPCMessage | undefined {
  try {
    return deserializeMessage(text);
  } catch {
    return undefined;
  }
}

/** The id of something that looks like a request. */
function idIn(text: string): RequestId | undefined {
  try {
    const { id, method } = Object(JSON.parse(text));
    return method !== undefined && (typeof id === "string" || typeof id === "number") ? id : undefined;
  } catch {
    return undefined;
  }
}
