/**
 * Calls of Codex's app-server over its control socket: JSON-RPC in text frames of a WebSocket (RFC 6455), over a Unix socket. Only
 * what one short conversation needs: no extensions, and an answer in parts is put together.
 */
import { request } from "node:http";
import type { Socket } from "node:net";

export interface AppServer {
  /** The result of a call. Rejects with its error, and when the connection ends. */
  call(method: string, params: object): Promise<Record<string, unknown>>;
  close(): void;
}

/** More than any answer that is asked for here has. */
const MAX_BYTES = 16 * 1024 * 1024;
const OPCODE = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 } as const;
const FINAL = 0x80;
const MASKED = 0x80;

/** A frame as a client sends it. */
function frame(opcode: number, payload: Buffer, newId: () => string): Buffer {
  const mask = Buffer.from(newId().slice(0, 8), "hex");
  const masked = Buffer.from(payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0)));
  const { length } = payload;
  const head =
    length < 126
      ? Buffer.from([FINAL | opcode, MASKED | length])
      : Buffer.from([FINAL | opcode, MASKED | 126, length >> 8, length & 255]);
  return Buffer.concat([head, mask, masked]);
}

/** The first frame of what came, and the rest; `undefined` while it is not whole. */
function readFrame(data: Buffer): { isFinal: boolean; opcode: number; payload: Buffer; rest: Buffer } | undefined {
  if (data.length < 2) return undefined;
  const [first = 0, second = 0] = data;
  let [length, at] = [second & 127, 2];
  if (length >= 126) {
    at = length === 126 ? 4 : 10;
    if (data.length < at) return undefined;
    length = at === 4 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
  }
  if (length > MAX_BYTES) throw new Error("an answer is too long");
  if (data.length < at + length) return undefined;
  return {
    isFinal: (first & FINAL) !== 0,
    opcode: first & 15,
    payload: data.subarray(at, at + length),
    rest: data.subarray(at + length),
  };
}

/** Connects and introduces itself. */
export async function connectAppServer(path: string, newId: () => string, ms: number): Promise<AppServer> {
  const { socket, head } = await upgraded(path, Buffer.from(newId(), "hex").toString("base64"), ms);
  const open = new Map<number, { done(result: Record<string, unknown>): void; failed(error: Error): void }>();
  let count = 0;
  let data = head;
  let parts: Buffer[] = [];

  function ended(): void {
    for (const { failed } of open.values()) failed(new Error("the connection ended"));
    open.clear();
  }

  function received(text: string): void {
    const { id, result, error, method } = Object(JSON.parse(text));
    // Notifications, and questions that the terminal answers.
    if (method !== undefined) return;
    const call = open.get(id);
    open.delete(id);
    if (error === undefined) call?.done(Object(result));
    else call?.failed(new Error(String(Object(error).message)));
  }

  function read(): void {
    for (let next = readFrame(data); next; next = readFrame(data)) {
      const { isFinal, opcode, payload, rest } = next;
      data = rest;
      if (opcode === OPCODE.ping) socket.write(frame(OPCODE.pong, payload, newId));
      else if (opcode === OPCODE.close) socket.destroy();
      else if (opcode === OPCODE.text || opcode === OPCODE.continuation) {
        parts.push(payload);
        if (parts.reduce((sum, part) => sum + part.length, 0) > MAX_BYTES) throw new Error("an answer is too long");
        if (!isFinal) continue;
        const text = Buffer.concat(parts).toString();
        parts = [];
        received(text);
      }
    }
  }

  socket.on("data", (chunk: Buffer) => {
    data = Buffer.concat([data, chunk]);
    try {
      read();
    } catch {
      socket.destroy();
    }
  });
  socket.on("error", () => {});
  socket.on("close", ended);
  socket.setTimeout(ms, () => socket.destroy());

  const send = (message: object): void =>
    void socket.write(frame(OPCODE.text, Buffer.from(JSON.stringify(message)), newId));
  const call = (method: string, params: object): Promise<Record<string, unknown>> =>
    new Promise((done, failed) => {
      const id = ++count;
      open.set(id, { done, failed });
      if (socket.destroyed) ended();
      else send({ id, method, params });
    });
  try {
    await call("initialize", { clientInfo: { name: "cct", title: "CCT", version: "0" } });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  send({ method: "initialized" });
  return { call, close: () => socket.destroy() };
}

function upgraded(path: string, key: string, ms: number): Promise<{ socket: Socket; head: Buffer }> {
  return new Promise((resolve, reject) => {
    const asked = request({
      socketPath: path,
      timeout: ms,
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-key": key,
        "sec-websocket-version": "13",
      },
    });
    asked.on("upgrade", (_response, socket, head) => resolve({ socket: socket as Socket, head }));
    asked.on("response", () => asked.destroy(new Error("it speaks no WebSocket")));
    asked.on("timeout", () => asked.destroy(new Error("it does not answer")));
    asked.on("error", reject);
    asked.end();
  });
}
