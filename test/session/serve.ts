/** The server of a session without the session: reads and writes streams of the test. */
import { PassThrough } from "node:stream";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ReadBuffer, serializeMessage } from "@modelcontextprotocol/sdk/shared/stdio.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { LATEST_PROTOCOL_VERSION } from "@modelcontextprotocol/sdk/types.js";
import { expect } from "vitest";
import { createMcp } from "../../src/session/mcp.ts";
import { type Call, serveRpc } from "../../src/session/rpc.ts";
import { textResult, toolList } from "../../src/session/tools.ts";
import { root } from "../support/folders.ts";

export interface Served {
  input: PassThrough;
  output: PassThrough;
  /** The messages so far, in their order. */
  said(): unknown[];
  reports: string[];
  /** Calls of the tool `wait`, which are answered by hand. */
  waiting: { call: Call; answer(): void }[];
  answered(): Promise<void>;
}

/** The server of a session, without the session: its tools answer with their input, `wait` when told to, `fail` never well. */
export function serve(highWaterMark = 1 << 20): Served {
  const input = new PassThrough();
  const output = new PassThrough({ highWaterMark });
  const waiting: Served["waiting"] = [];
  const reports: string[] = [];
  const mcp = createMcp({
    info: { name: "cct", title: "Claude Code Talk", version: "1.0.0" },
    instructions: "Talk.",
    toolList: () => toolList(root),
    callTool(name, given, call) {
      if (name === "fail") throw new Error("broken");
      const result = textResult(JSON.stringify({ name, given }));
      if (name !== "wait") return result;
      return new Promise((resolve) => waiting.push({ call, answer: () => resolve(result) }));
    },
  });
  const { answered } = serveRpc(input, output, mcp, (problem) => void reports.push(problem));
  let text = "";
  const read = (): unknown[] => {
    for (let part = output.read(); part !== null; part = output.read()) text += String(part);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  };
  return { input, output, said: read, reports, waiting, answered };
}

/** The official client at one version of the protocol; it offers only its newest one by itself. */
export async function connect({ input, output }: Served, version: string): Promise<Client> {
  const buffer = new ReadBuffer();
  const transport: Transport = {
    async start() {
      output.on("data", (chunk: Buffer) => {
        buffer.append(chunk);
        for (let message = buffer.readMessage(); message; message = buffer.readMessage())
          transport.onmessage?.(message);
      });
    },
    async send(message) {
      const text = serializeMessage(message);
      input.write(text.replace(`"protocolVersion":"${LATEST_PROTOCOL_VERSION}"`, `"protocolVersion":"${version}"`));
    },
    async close() {},
    setProtocolVersion(agreed) {
      expect(agreed).toBe(version);
    },
  };
  const client = new Client({ name: "test", version: "1" });
  client.onerror = (error) => {
    throw error;
  };
  await client.connect(transport);
  return client;
}
