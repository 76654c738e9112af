/**
 * A Messages API whose model plays scripts: a program of its own, started as `node <this> <port> <folder>`.
 *
 * The path says who asks (`/as/<name>/v1/messages`). The last user message that says `PLAY <id>` names the script
 * `<folder>/scripts/<id>.json`; the number of assistant messages after it tells which turn is due, so the state is all
 * in the request. Everything asked and answered is a line of `<folder>/log.jsonl`.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { LogLine, Message } from "./requests.ts";
import { PLAY, type Turn } from "./script.ts";

const [, , port, folder = ""] = process.argv;
let count = 0;

interface Body {
  model?: string;
  stream?: boolean;
  messages?: Message[];
  system?: unknown;
  tools?: { name?: string; description?: string; input_schema?: unknown; defer_loading?: boolean }[];
}

const log = (line: LogLine): void => appendFileSync(join(folder, "log.jsonl"), `${JSON.stringify(line)}\n`);

function dueTurn(messages: readonly Message[]): Turn {
  for (const [i, message] of [...messages.entries()].reverse()) {
    if (message.role !== "user") continue;
    const blocks = typeof message.content === "string" ? [{ type: "text", text: message.content }] : message.content;
    const id = blocks.map((block) => (block.type === "text" && PLAY.exec(block.text ?? "")?.[1]) || "").find(Boolean);
    if (!id) continue;
    const turns: Turn[] = JSON.parse(readFileSync(join(folder, "scripts", `${id}.json`), "utf8"));
    return turns[messages.slice(i).filter((later) => later.role === "assistant").length] ?? {};
  }
  return {};
}

async function opened(gate: string): Promise<void> {
  while (!existsSync(join(folder, "gates", gate))) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function answer(n: number, body: Body, response: ServerResponse): Promise<void> {
  const turn: Turn = (body.tools ?? []).length === 0 ? { text: "a title" } : dueTurn(body.messages ?? []);
  if (turn.gate) await opened(turn.gate);
  const tools = (turn.tools ?? []).map((tool, i) => ({ type: "tool_use", id: `toolu_${n}_${i}`, ...tool }));
  const text = turn.text ?? (tools.length === 0 ? "OK" : "");
  const content = [...(text ? [{ type: "text", text }] : []), ...tools];
  const stop_reason = tools.length > 0 ? "tool_use" : "end_turn";
  log({ kind: "answer", n, at: Date.now(), ends: tools.length === 0 });
  const usage = { input_tokens: 10, output_tokens: 5, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  const message = { id: `msg_${n}`, type: "message", role: "assistant", model: body.model, stop_sequence: null, usage };
  if (!body.stream) return json(response, 200, { ...message, content, stop_reason });

  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (type: string, data: object): void => {
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  };
  send("message_start", { message: { ...message, content: [], stop_reason: null } });
  for (const [index, block] of content.entries()) {
    const [empty, delta] =
      "input" in block
        ? [
            { ...block, input: {} },
            { type: "input_json_delta", partial_json: JSON.stringify(block.input) },
          ]
        : [
            { type: "text", text: "" },
            { type: "text_delta", text },
          ];
    send("content_block_start", { index, content_block: empty });
    send("content_block_delta", { index, delta });
    send("content_block_stop", { index });
  }
  send("message_delta", { delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 5 } });
  send("message_stop", {});
  response.end();
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const server = createServer(async (request, response) => {
  const text = await read(request);
  const at = Date.now();
  const [, who, path] = /^\/as\/([^/]+)(\/[^?]*)/.exec(request.url ?? "") ?? [];
  if (request.method === "POST" && path === "/v1/messages" && who) {
    const body: Body = JSON.parse(text);
    const n = ++count;
    const { tools = [], messages = [], system } = body;
    // What the model is shown of a tool of ours.
    const ours = tools
      .filter(({ name, defer_loading }) => name?.startsWith("mcp__plugin_cct_cct__") && !defer_loading)
      .map(({ name, description, input_schema }) => JSON.stringify({ name, description, input_schema }));
    log({ kind: "request", n, at, who, tools: tools.length, ours, messages, system });
    return answer(n, body, response);
  }
  if (path === "/v1/messages/count_tokens") return json(response, 200, { input_tokens: 1000 });
  if (path === "/v1/models") return json(response, 200, { data: [], has_more: false });
  json(response, 404, { type: "error", error: { type: "not_found_error", message: "no such route" } });
});
server.listen(Number(port), "127.0.0.1", () => process.stdout.write("listening\n"));
