/**
 * The broker's listening sockets. Local clients use plain HTTP, other machines TLS on the same port: the first byte of a
 * connection tells which. So there is one port to know, and local traffic is not encrypted for nothing.
 */
import type { Server as HttpServer } from "node:http";
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { ownAddresses } from "../../platform/addresses.ts";
import type { Config } from "../../platform/config.ts";
import { CctError, errorLine, systemCode } from "../../platform/errors.ts";
import { isLoopback } from "../../platform/network.ts";
import { perConnection } from "./per-connection.ts";
import { rawResponse } from "./raw.ts";

/** The first byte of a TLS handshake. No HTTP request begins with it. */
const TLS_HANDSHAKE = 0x16;

export interface Tls {
  /** PEM. */
  cert: string;
  key: string;
}

export interface Listeners {
  port: number;
  /** Stops listening; resolves when the last connection has closed. */
  close(): Promise<void>;
  /** Closes all connections, whatever they are doing. */
  destroyConnections(): void;
}

const isAnyAddress = (host: string): boolean => ["0.0.0.0", "::"].includes(host);

const isLocal = perConnection((address) => isLoopback(address.replace(/^::ffff:/, "")));

/** Whether a connection comes from this machine, over loopback. */
export const isFromThisMachine = (socket: Socket): boolean => isLocal(socket, socket.remoteAddress ?? "");

/** The options of node's own HTTP server. `keepAlive` finds out when the other machine has disappeared. */
const socketOptions = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 };

/**
 * Listens on the configured address and passes connections to `http`. `tls`: for other machines; without it they use plain
 * HTTP. `timeoutMs`: closes a connection that has sent nothing, or not all of a TLS handshake, so long after it was opened.
 * `admit`: whether there is room for one more connection.
 */
export async function openListeners(
  http: HttpServer,
  config: Config,
  tls: Tls | undefined,
  timeoutMs: number,
  admit: (socket: Socket) => boolean,
): Promise<Listeners> {
  const connections = new Set<Socket>();
  const serveHttp = (socket: Socket): boolean => http.emit("connection", socket);
  const tlsServer = tls && createTlsServer({ ...tls, minVersion: "TLSv1.2", handshakeTimeout: timeoutMs });
  tlsServer?.on("secureConnection", serveHttp);
  // A scanner, or a client that does not accept our certificate.
  tlsServer?.on("tlsClientError", (_error, socket) => void socket.destroy());

  const detectProtocol = (socket: Socket): void => {
    socket.on("error", () => socket.destroy());
    const giveUp = (): void => void socket.destroy();
    socket.setTimeout(timeoutMs, giveUp);
    socket.once("end", giveUp);
    socket.once("data", (first: Buffer) => {
      socket.setTimeout(0);
      socket.off("timeout", giveUp).off("end", giveUp);
      socket.pause();
      socket.unshift(first);
      const isTls = first[0] === TLS_HANDSHAKE;
      if (isTls && tlsServer) tlsServer.emit("connection", socket);
      // A TLS client could not read a plain answer.
      else if (isTls) socket.destroy();
      else if (tlsServer && !isFromThisMachine(socket)) refuse(socket, TLS_ONLY);
      else serveHttp(socket);
      // In the next tick, when the new owner of the socket listens to it.
      process.nextTick(() => socket.resume());
    });
  };

  const servers: TcpServer[] = [];
  let { port } = config;
  try {
    const isOnlyAddress = isLoopback(config.host) || isAnyAddress(config.host);
    for (const host of isOnlyAddress ? [config.host] : [config.host, "127.0.0.1"]) {
      const server = createTcpServer(socketOptions, (socket) => {
        connections.add(socket);
        socket.on("close", () => connections.delete(socket));
        if (!admit(socket)) return refuse(socket, TOO_MANY);
        if (isLoopback(config.host)) serveHttp(socket);
        else detectProtocol(socket);
      });
      port = await listen(server, host, port);
      servers.push(server);
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  // The HTTP server does not listen itself; this event starts its checks of time limits.
  http.emit("listening");
  return {
    port,
    async close() {
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
      http.closeIdleConnections();
      await Promise.all(closed);
      http.close();
    },
    destroyConnections() {
      for (const socket of connections) socket.destroy();
    },
  };
}

const TOO_MANY = new CctError("rate_limited", "There are too many connections.", "Close some, or wait, and try again.");
const TLS_ONLY = new CctError(
  "bad_request",
  "This broker speaks TLS to other machines.",
  "Use https, or join it: cct join <join string>.",
);

function refuse(socket: Socket, error: CctError): void {
  socket.on("error", () => socket.destroy());
  socket.end(rawResponse(error));
}

/** Returns the port, which the system chooses if `port` is 0. */
function listen(server: TcpServer, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, host, port)));
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : port);
    });
  });
}

function listenError(error: Error, host: string, port: number): CctError {
  if (systemCode(error) === "EADDRINUSE")
    return new CctError(
      "conflict",
      `Port ${port} on ${host} is used by another program, or by the broker of another home.`,
      "Choose another port: cct config set port <number>, or CCT_PORT.",
    );
  return new CctError(
    "unavailable",
    `The broker cannot listen on ${host}:${port} (${errorLine(error)}).`,
    "Choose another address.",
  );
}

/** `host:port` of each address under which other machines may reach the broker, the most likely one first. */
export function reachableAddresses(host: string, port: number): string[] {
  const format = (address: string): string => `${address.includes(":") ? `[${address}]` : address}:${port}`;
  if (isLoopback(host)) return [];
  if (!isAnyAddress(host)) return [format(host)];
  return ownAddresses(host === "::" ? ["IPv4", "IPv6"] : ["IPv4"]).map(format);
}

/** The URL for clients on this machine. */
export function localUrl(host: string, port: number): string {
  const local = isLoopback(host) ? host : "127.0.0.1";
  return `http://${local.includes(":") ? `[${local}]` : local}:${port}`;
}
