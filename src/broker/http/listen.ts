/**
 * Where the broker listens. On this machine: plain HTTP. From elsewhere: TLS, on the same port. The first byte tells
 * which it is, so that nobody has to know two ports, and what runs here pays for no cipher.
 */
import type { Server as HttpServer } from "node:http";
import { createServer as createPort, type Server as Port, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { createServer as createTls } from "node:tls";
import { type Config, isLoopback } from "../../platform/config.ts";
import { CctError, errorLine, systemCode } from "../../platform/errors.ts";
import { rawAnswer } from "./raw.ts";

/** Who says nothing for so long after connecting is not listened to any more. */
const FIRST_BYTE_MS = 10_000;
/** A TLS handshake begins with this byte; a request line never does. */
const TLS_HANDSHAKE = 0x16;

export interface Tls {
  /** PEM. */
  cert: string;
  key: string;
}

export interface Doors {
  port: number;
  /** Ends listening; resolves when the last connection has ended. */
  close(): Promise<void>;
  /** Ends what is still open, whatever it is at. */
  cutOff(): void;
}

const isAny = (host: string): boolean => ["0.0.0.0", "::"].includes(host);

/** Whether a connection comes from this machine, over its own loopback. */
export const isNear = (socket: Socket): boolean => isLoopback((socket.remoteAddress ?? "").replace(/^::ffff:/, ""));

/** As node's HTTP server has its own; `keepAlive` notices a machine that is gone without a word. */
const sockets = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 };

/**
 * Opens the doors to `http`. `tls`: for what comes from elsewhere; none: that may come plain. `admit`: whether there is
 * room for one more connection.
 */
export async function openDoors(
  http: HttpServer,
  config: Config,
  tls: Tls | undefined,
  admit: (socket: Socket) => boolean,
): Promise<Doors> {
  const open = new Set<Socket>();
  const plain = (socket: Socket): boolean => http.emit("connection", socket);
  const track = (socket: Socket): void => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  };
  const secure = tls && createTls({ ...tls, minVersion: "TLSv1.2", handshakeTimeout: FIRST_BYTE_MS });
  secure?.on("secureConnection", plain);
  // A scanner, or a client that does not like our certificate: its own business.
  secure?.on("tlsClientError", (_error, socket) => void socket.destroy());

  const receive = (socket: Socket): void => {
    socket.on("error", () => socket.destroy());
    const letGo = (): void => void socket.destroy();
    socket.setTimeout(FIRST_BYTE_MS, letGo);
    socket.once("end", letGo);
    socket.once("data", (first: Buffer) => {
      socket.setTimeout(0);
      socket.off("timeout", letGo).off("end", letGo);
      socket.pause();
      socket.unshift(first);
      const wantsTls = first[0] === TLS_HANDSHAKE;
      if (wantsTls && secure) secure.emit("connection", socket);
      // To one that speaks TLS there is nothing to say in plain words.
      else if (wantsTls) socket.destroy();
      else if (secure && !isNear(socket)) refuse(socket, ONLY_TLS);
      else plain(socket);
      // Both sides read in the next turn, when whoever takes it has begun to listen.
      process.nextTick(() => socket.resume());
    });
  };

  const ports: Port[] = [];
  let { port } = config;
  try {
    for (const host of isLoopback(config.host) || isAny(config.host) ? [config.host] : [config.host, "127.0.0.1"]) {
      const server = createPort(sockets, (socket) => {
        track(socket);
        if (!admit(socket)) return refuse(socket, NO_ROOM);
        if (isLoopback(config.host)) plain(socket);
        else receive(socket);
      });
      port = await listen(server, host, port);
      ports.push(server);
    }
  } catch (error) {
    for (const one of ports) one.close();
    throw error;
  }
  // It does not listen itself, and so would not begin to look after the time limits of its connections.
  http.emit("listening");
  return {
    port,
    async close() {
      const closed = ports.map((one) => new Promise<void>((resolve) => one.close(() => resolve())));
      http.closeIdleConnections();
      await Promise.all(closed);
      http.close();
    },
    cutOff() {
      for (const socket of open) socket.destroy();
    },
  };
}

const NO_ROOM = new CctError("rate_limited", "There are too many connections.", "Close some, or wait, and try again.");
const ONLY_TLS = new CctError(
  "bad_request",
  "This broker speaks TLS to other machines.",
  "Use https, or join it: cct join <join string>.",
);

function refuse(socket: Socket, why: CctError): void {
  socket.on("error", () => socket.destroy());
  socket.end(rawAnswer(why));
}

function listen(server: Port, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      if (systemCode(error) === "EADDRINUSE") {
        reject(
          new CctError(
            "conflict",
            `Port ${port} on ${host} is taken by another program, or by the broker of another home.`,
            "Choose another one: cct config set port <number>, or CCT_PORT.",
          ),
        );
      } else {
        reject(
          new CctError(
            "unavailable",
            `The broker cannot listen on ${host}:${port} (${errorLine(error)}).`,
            "Choose another address.",
          ),
        );
      }
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : port);
    });
  });
}

/** `host:port` of each address under which other machines may reach the broker; the likeliest first. */
export function reachableAt(host: string, port: number): string[] {
  const write = (address: string): string => `${address.includes(":") ? `[${address}]` : address}:${port}`;
  if (isLoopback(host)) return [];
  if (!isAny(host)) return [write(host)];
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    // Link-local addresses mean nothing without the name of the other machine's interface.
    .filter((one) => !one.internal && !/^(?:fe80|169\.254\.)/i.test(one.address))
    .filter((one) => host === "::" || one.family === "IPv4");
  return found.sort((a, b) => a.family.localeCompare(b.family)).map((one) => write(one.address));
}
