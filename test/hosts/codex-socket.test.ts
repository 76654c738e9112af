/** Calls over Codex's control socket, to a server that speaks as it does. */
import { mkdtempSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { WebSocketServer } from "ws";
import { connectAppServer } from "../../src/hosts/codex-socket.ts";
import { ringCodex } from "../../src/hosts/codex-wake.ts";

const MS = 60_000;

type Answers = Readonly<Record<string, (params: Record<string, unknown>) => object>>;

/** An app-server at a socket of its own. It notes what it is asked, and ends the connection at a call that it has no answer for. */
async function openServer(answers: Answers): Promise<{ path: string; asked: string[] }> {
  // A colon would end the path in a URL.
  const path = join(mkdtempSync(join(tmpdir(), "cct-a:b-")), "socket");
  const asked: string[] = [];
  const http = createServer((_request, response) => response.writeHead(404).end());
  const server = new WebSocketServer({ server: http });
  server.on("connection", (socket) => {
    socket.on("message", (data) => {
      const { id, method, params } = JSON.parse(String(data));
      asked.push(method);
      if (id === undefined) return;
      if (method === "initialize") return socket.send(JSON.stringify({ id, result: {} }));
      const answer = answers[method];
      if (!answer) return socket.terminate();
      socket.send(JSON.stringify({ method: "thread/status/changed", params: {} }));
      socket.send(JSON.stringify({ id, ...answer(params) }));
    });
  });
  await new Promise<void>((done) => http.listen(path, done));
  onTestFinished(() => {
    for (const one of server.clients) one.terminate();
    http.close();
  });
  return { path, asked };
}

test.each([10, 125, 126, 65_535, 65_536, 300_000])("a call and an answer of %i bytes arrive whole", async (length) => {
  const { path } = await openServer({ echo: ({ text }) => ({ result: { text } }) });
  const server = await connectAppServer(path, MS);
  const text = "é".repeat(length / 2);
  expect(await server.call("echo", { text })).toEqual({ text });
  server.close();
});

test("an error of the server, and the end of the connection, reject the call", async () => {
  const { path } = await openServer({ fails: () => ({ error: { code: -32600, message: "no such thread" } }) });
  const server = await connectAppServer(path, MS);
  await expect(server.call("fails", {})).rejects.toThrow("no such thread");
  await expect(server.call("unknown", {})).rejects.toThrow("the connection ended");
  await expect(server.call("fails", {})).rejects.toThrow("the connection ended");
});

test("where nobody listens, or something else does, the connection fails", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "cct-")), "socket");
  await expect(connectAppServer(path, MS)).rejects.toThrow("ENOENT");
  const http = createServer((_request, response) => response.writeHead(404).end());
  await new Promise<void>((done) => http.listen(path, done));
  onTestFinished(() => void http.close());
  await expect(connectAppServer(path, MS)).rejects.toThrow("404");
});

test("a server that does not answer is left after a time", async () => {
  const http = createServer();
  http.on("upgrade", () => {});
  const path = join(mkdtempSync(join(tmpdir(), "cct-")), "socket");
  await new Promise<void>((done) => http.listen(path, done));
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  await expect(connectAppServer(path, 200)).rejects.toThrow();
});

test("a turn begins only of a thread that is loaded", async () => {
  const { path, asked } = await openServer({
    "thread/loaded/list": () => ({ result: { data: ["one"] } }),
    "turn/start": () => ({ result: {} }),
  });
  expect(await ringCodex(path, "other")).toBe(false);
  expect(asked).not.toContain("turn/start");
  expect(await ringCodex(path, "one")).toBe(true);
  expect(asked).toContain("turn/start");
});
