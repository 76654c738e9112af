// OpenAI Responses whose model plays scripts: `node <this> <port> <folder>`. As `api.ts`, for Codex.
// The last user message that says `PLAY <id>` names the script `<folder>/<id>.json`; the number of answers after it tells which turn is due.
// A turn: { text?, tools?: [{ name, namespace?, input }], gate? }. Each request is a line of `<folder>/log.jsonl`; `who` is its model.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const [, , port, folder] = process.argv;
let count = 0;

const textOf = (content) =>
  typeof content === "string" ? content : (content ?? []).map(({ text = "" }) => text).join("\n");

/** Each item as `{ role, content }`: what the model says or calls is the assistant's. */
const messageOf = (item) => {
  if (/_call$|^reasoning$/.test(item.type ?? "")) return { role: "assistant", content: "" };
  if (/_output$/.test(item.type ?? "")) {
    const { output } = item;
    return { role: "tool", content: textOf(output?.content ?? output) || JSON.stringify(output) };
  }
  return { role: item.role, content: textOf(item.content) };
};

function dueTurn(messages) {
  for (const [i, message] of [...messages.entries()].reverse()) {
    const script = message.role === "user" && /\bPLAY ([a-z0-9]+)\b/.exec(message.content)?.[1];
    if (!script) continue;
    const after = messages.slice(i).map(({ role }) => role === "assistant");
    return (
      JSON.parse(readFileSync(join(folder, `${script}.json`), "utf8"))[
        after.filter((is, n) => is && !after[n - 1]).length
      ] ?? {}
    );
  }
  return {};
}

async function answer(body, response) {
  const messages = (typeof body.input === "string" ? [{ role: "user", content: body.input }] : body.input).map(
    messageOf,
  );
  const isMain = (body.tools ?? []).length > 0;
  if (isMain)
    appendFileSync(join(folder, "log.jsonl"), `${JSON.stringify({ who: body.model, at: Date.now(), messages })}\n`);
  const turn = isMain ? dueTurn(messages) : { text: "a title" };
  while (turn.gate && !existsSync(join(folder, turn.gate))) await new Promise((resolve) => setTimeout(resolve, 20));
  const id = ++count;
  const calls = (turn.tools ?? []).map(({ name, namespace, input }, i) => ({
    type: "function_call",
    id: `fc_${id}_${i}`,
    call_id: `call_${id}_${i}`,
    name,
    ...(namespace && { namespace }),
    arguments: JSON.stringify(input),
    status: "completed",
  }));
  const text = turn.text ?? (calls.length > 0 ? "" : "OK");
  const message = {
    type: "message",
    id: `msg_${id}`,
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text, annotations: [] }],
  };
  const output = [...(text ? [message] : []), ...calls];
  const usage = {
    input_tokens: 10,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 5,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 15,
  };
  const whole = {
    id: `resp_${id}`,
    object: "response",
    created_at: 1,
    status: "completed",
    model: body.model,
    output,
    usage,
  };
  if (!body.stream) {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(whole));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  let sequence_number = 0;
  const send = (type, data) =>
    response.write(
      `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence_number++, ...data })}\n\n`,
    );
  send("response.created", { response: { ...whole, status: "in_progress", output: [], usage: null } });
  for (const [output_index, item] of output.entries()) {
    send("response.output_item.added", { output_index, item: { ...item, status: "in_progress" } });
    if (item.type === "message")
      send("response.output_text.delta", { item_id: item.id, output_index, content_index: 0, delta: text });
    send("response.output_item.done", { output_index, item });
  }
  send("response.completed", { response: whole });
  response.end();
}

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (/^\/v1\/responses/.test(request.url ?? "")) return answer(JSON.parse(Buffer.concat(chunks).toString()), response);
  response.writeHead(request.method === "GET" ? 200 : 404, { "content-type": "application/json" });
  response.end(JSON.stringify({ object: "list", data: [], models: [] }));
});
server.listen(Number(port), "127.0.0.1", () => process.stdout.write("listening\n"));
