// The Gemini API, with a model that plays scripts: `node <this> <port> <folder>`. As `qwen-api.mjs`, for Gemini CLI.
// The last user message that says `PLAY <id>` names the script `<folder>/<id>.json`; the number of the model's messages after it tells
// which turn is due.
// A turn: { text?, tools?: [{ name, input }], begins?, gate?, status? }. Each request is a line of `<folder>/log.jsonl`.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const [, , port, folder] = process.argv;
let count = 0;

/** One message for each part: of a tool's result, of a prompt, or of what a hook puts beside it. */
const messagesOf = (contents) =>
  contents.flatMap(({ role, parts = [] }, at) =>
    parts.map(({ text, functionResponse }) => ({
      at,
      role: functionResponse ? "tool" : role,
      content: functionResponse ? JSON.stringify(functionResponse.response) : (text ?? ""),
    })),
  );

const SCRIPT = /^PLAY ([a-z0-9]+)$/m;

function dueTurn(contents) {
  const messages = messagesOf(contents);
  const last = messages.findLast(({ role, content }) => role === "user" && SCRIPT.test(content));
  if (!last) return {};
  const turns = JSON.parse(readFileSync(join(folder, `${SCRIPT.exec(last.content)[1]}.json`), "utf8"));
  return turns[contents.slice(last.at).filter(({ role }) => role === "model").length] ?? {};
}

const chunk = (parts, finishReason) => ({
  responseId: `r${++count}`,
  modelVersion: "scripted",
  candidates: [{ index: 0, content: { role: "model", parts }, ...(finishReason && { finishReason }) }],
  usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 5, totalTokenCount: 15 },
});

async function answer(who, body, isStream, response) {
  // Escape closes it.
  response.on("error", () => {});
  const { contents = [], tools = [] } = body;
  const isMain = tools.length > 0;
  const turn = isMain ? dueTurn(contents) : { text: "{}" };
  if (isMain) {
    const line = { who, at: Date.now(), messages: messagesOf(contents) };
    appendFileSync(join(folder, "log.jsonl"), `${JSON.stringify(line)}\n`);
  }
  if (turn.begins && isStream) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`data: ${JSON.stringify(chunk([{ text: turn.begins }]))}\n\n`);
  }
  while (turn.gate && !existsSync(join(folder, turn.gate))) await new Promise((resolve) => setTimeout(resolve, 20));
  if (turn.status) {
    response.writeHead(turn.status, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { code: turn.status, message: "scripted", status: "INVALID_ARGUMENT" } }));
    return;
  }
  const calls = (turn.tools ?? []).map(({ name, input }) => ({
    functionCall: { id: `call_${++count}`, name, args: input },
  }));
  const parts = [...(turn.text || calls.length === 0 ? [{ text: turn.text ?? "OK" }] : []), ...calls];
  const whole = chunk(parts, "STOP");
  if (!response.headersSent)
    response.writeHead(200, { "content-type": isStream ? "text/event-stream" : "application/json" });
  response.end(isStream ? `data: ${JSON.stringify(whole)}\n\n` : JSON.stringify(whole));
}

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const [, who, method] =
    /^\/as\/([^/]+)\/.*:(streamGenerateContent|generateContent|countTokens)/.exec(request.url ?? "") ?? [];
  if (method === "countTokens") return response.end(JSON.stringify({ totalTokens: 100 }));
  if (who) return answer(who, JSON.parse(Buffer.concat(chunks).toString()), method.startsWith("stream"), response);
  response.writeHead(404).end("{}");
});
server.listen(Number(port), "127.0.0.1", () => process.stdout.write("listening\n"));
