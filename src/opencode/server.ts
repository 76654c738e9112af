/** A session server, which runs as a child of OpenCode: calls of its tools by MCP, and its wish to begin a turn. */
import { spawn } from "node:child_process";
import { RING } from "../hosts/opencode-words.ts";

export interface ServerProgram {
  node: string;
  /** `dist/bin.js`. */
  program: string;
  cwd: string;
  env: Readonly<Record<string, string | undefined>>;
  /** How the plugin introduces itself. */
  client: { name: string; version: string };
}

/** What a tool has answered. */
export interface Answer {
  text: string;
  isError: boolean;
}

export interface Server {
  /** What the model is to be told of CCT. Resolves with the handshake, and with nothing when there is none. */
  instructions: Promise<string | undefined>;
  /** `undefined`: the server has ended. It may answer late, and then has done what it was asked. */
  call(tool: string, input: object, meta: object): Promise<Answer | undefined>;
  hasEnded(): boolean;
  close(): void;
}

/** More than any answer has. */
const MAX_LINE = 16 * 1024 * 1024;
const PROTOCOL = "2025-11-25";

export function startServer({ node, program, cwd, env, client }: ServerProgram, ring: () => void): Server {
  const child = spawn(node, [program, "mcp", "--host", "opencode"], {
    cwd,
    env: { ...env },
    stdio: ["pipe", "pipe", "ignore"],
    windowsHide: true,
  });
  const open = new Map<number, (result: Record<string, unknown> | undefined) => void>();
  let lastId = 0;
  let isOver = false;

  function end(): void {
    isOver = true;
    for (const answer of open.values()) answer(undefined);
    open.clear();
  }
  child.on("error", end);
  child.on("exit", end);
  for (const stream of [child.stdin, child.stdout]) stream.on("error", end);
  // A host that has nothing else to do ends.
  child.unref();

  function send(message: object): void {
    if (!isOver) child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  }
  function request(method: string, params: object): Promise<Record<string, unknown> | undefined> {
    if (isOver) return Promise.resolve(undefined);
    const id = ++lastId;
    return new Promise((resolve) => {
      open.set(id, resolve);
      send({ id, method, params });
    });
  }
  function read(line: string): void {
    let message: Record<string, unknown>;
    try {
      message = Object(JSON.parse(line));
    } catch {
      return;
    }
    if (message.method === RING) ring();
    if (typeof message.id !== "number") return;
    const answer = open.get(message.id);
    open.delete(message.id);
    answer?.(message.error === undefined ? Object(message.result) : undefined);
  }

  let rest = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) read(line);
    if (rest.length > MAX_LINE) child.kill();
  });

  const instructions = request("initialize", {
    protocolVersion: PROTOCOL,
    capabilities: {},
    clientInfo: client,
  }).then((result) => {
    send({ method: "notifications/initialized" });
    return typeof result?.instructions === "string" ? result.instructions : undefined;
  });

  return {
    instructions,
    async call(tool, input, meta) {
      const result = await request("tools/call", { name: tool, arguments: input, _meta: meta });
      return result && { text: textIn(result.content), isError: result.isError === true };
    },
    hasEnded: () => isOver,
    close() {
      child.stdin.end();
    },
  };
}

const textIn = (content: unknown): string =>
  (Array.isArray(content) ? content : [])
    .map((part) => Object(part).text)
    .filter((part) => typeof part === "string")
    .join("\n");
