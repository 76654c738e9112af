/** Calls of Codex's app-server over its control socket: JSON-RPC in text messages of a WebSocket, over a Unix socket. */
import { connect } from "node:net";
import WebSocket from "ws";

export interface AppServer {
  /** The result of a call. Rejects with its error, and when the connection ends. */
  call(method: string, params: object): Promise<Record<string, unknown>>;
  close(): void;
}

/** More than any answer that is asked for here has. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Connects and introduces itself. `ms`: how long the whole conversation may take. */
export async function connectAppServer(path: string, ms: number): Promise<AppServer> {
  const socket = new WebSocket("ws://localhost/", {
    // Not by a URL: a path may have characters that mean something there.
    createConnection: () => connect(path),
    maxPayload: MAX_BYTES,
    perMessageDeflate: false,
  });
  const open = new Map<number, { done(result: Record<string, unknown>): void; failed(error: Error): void }>();
  let count = 0;

  const opened = new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    // Later errors are followed by `close`.
    socket.on("error", reject);
  });
  socket.on("message", (data) => {
    const { id, result, error, method } = parsed(String(data));
    // Notifications, and questions that the terminal answers.
    if (method !== undefined) return;
    const call = open.get(Number(id));
    open.delete(Number(id));
    if (error === undefined) call?.done(Object(result));
    else call?.failed(new Error(String(Object(error).message)));
  });
  const timer = setTimeout(() => socket.terminate(), ms);
  socket.on("close", () => {
    clearTimeout(timer);
    for (const { failed } of open.values()) failed(new Error("the connection ended"));
    open.clear();
  });

  const send = (message: object): void => socket.send(JSON.stringify(message));
  const call = (method: string, params: object): Promise<Record<string, unknown>> =>
    new Promise((done, failed) => {
      if (socket.readyState !== WebSocket.OPEN) return failed(new Error("the connection ended"));
      const id = ++count;
      open.set(id, { done, failed });
      send({ id, method, params });
    });
  try {
    await opened;
    await call("initialize", { clientInfo: { name: "cct", title: "CCT", version: "0" } });
    send({ method: "initialized" });
  } catch (error) {
    socket.terminate();
    throw error;
  }
  return { call, close: () => socket.terminate() };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
