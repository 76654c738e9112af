// Chat completions whose model plays scripts: `node <this> <port> <folder>`. As `api.ts`, for Qwen Code.
// The last user message that says `PLAY <id>` names the script `<folder>/<id>.json`; the number of assistant messages after it tells
// which turn is due.
// A turn: { text?, tools?: [{ name, input }], gate? }. Each request is a line of `<folder>/log.jsonl`.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const [, , port, folder] = process.argv;
let count = 0;

const textOf = (content) =>
  typeof content === "string" ? content : (content ?? []).map(({ text = "" }) => text).join("\n");

function dueTurn(messages) {
  for (const [i, message] of [...messages.entries()].reverse()) {
    const script = message.role === "user" && /\bPLAY ([a-z0-9]+)\b/.exec(textOf(message.content))?.[1];
    if (!script) continue;
    const turns = JSON.parse(readFileSync(join(folder, `${script}.json`), "utf8"));
    return turns[messages.slice(i).filter(({ role }) => role === "assistant").length] ?? {};
  }
  return {};
}

async function answer(who, body, response) {
  // Escape closes it.
  response.on("error", () => {});
  const { messages = [], tools = [], stream } = body;
  const isMain = tools.length > 0;
  if (isMain)
    appendFileSync(
      join(folder, "log.jsonl"),
      `${JSON.stringify({ who, at: Date.now(), messages: messages.map((one) => ({ ...one, content: textOf(one.content) })) })}\n`,
    );
  const turn = isMain ? dueTurn(messages) : { text: "a title" };
  while (turn.gate && !existsSync(join(folder, turn.gate))) await new Promise((resolve) => setTimeout(resolve, 20));
  const calls = (turn.tools ?? []).map(({ name, input }, index) => ({
    index,
    id: `call_${++count}`,
    type: "function",
    function: { name, arguments: JSON.stringify(input) },
  }));
  const message = { role: "assistant", content: turn.text ?? "OK", ...(calls.length > 0 && { tool_calls: calls }) };
  const finish_reason = calls.length > 0 ? "tool_calls" : "stop";
  const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
  const head = { id: `chat-${++count}`, created: 1, model: body.model };
  if (!stream) {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(
      JSON.stringify({ ...head, object: "chat.completion", choices: [{ index: 0, message, finish_reason }], usage }),
    );
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (choice) =>
    response.write(`data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", ...choice })}\n\n`);
  send({ choices: [{ index: 0, delta: message, finish_reason: null }] });
  send({ choices: [{ index: 0, delta: {}, finish_reason }] });
  send({ choices: [], usage });
  response.end("data: [DONE]\n\n");
}

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const [, who] = /^\/as\/([^/]+)\/v1\/chat\/completions/.exec(request.url ?? "") ?? [];
  if (who) return answer(who, JSON.parse(Buffer.concat(chunks).toString()), response);
  response.writeHead(404).end("{}");
});
server.listen(Number(port), "127.0.0.1", () => process.stdout.write("listening\n"));
