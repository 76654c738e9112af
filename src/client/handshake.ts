/**
 * Connections that are checked before HTTP gets them: nothing of a request, secrets included, is written to a server
 * that has not shown who it is. Shared by the two ways of showing it, a pinned certificate and a proof.
 */
import type { Socket } from "node:net";

/** As long as the longest connect timeout of a call, so that abandoned connections close. */
const CONNECT_MS = 15_000;

/** What node's agents pass to `createConnection`. */
export interface Place {
  host?: string;
  port?: number;
}
export type Ready = (error: Error | null, socket: Socket) => void;

export interface Handshakes {
  /** Hands `socket` to `ready` once `check` has called its argument without an error. */
  begin<S extends Socket>(socket: S, check: (socket: S, done: (error?: Error) => void) => void, ready?: Ready): void;
  /** Closes the connections that were not handed over yet: they would keep the process alive. */
  destroy(): void;
}

export function createHandshakes(): Handshakes {
  const checking = new Set<Socket>();
  return {
    begin(socket, check, ready) {
      checking.add(socket);
      const timedOut = (): void => failed(new Error("the handshake timed out"));
      const closed = (): void => failed(new Error("the connection was closed"));
      function end(): boolean {
        if (!checking.delete(socket)) return false;
        socket.setTimeout(0);
        socket.off("timeout", timedOut).off("error", failed).off("close", closed);
        return true;
      }
      function failed(error: Error): void {
        if (!end()) return;
        socket.on("error", () => {});
        socket.destroy();
        ready?.(error, socket);
      }
      socket.setTimeout(CONNECT_MS, timedOut);
      socket.once("error", failed);
      socket.once("close", closed);
      check(socket, (error) => {
        if (error) failed(error);
        else if (end()) ready?.(null, socket);
      });
    },
    destroy() {
      for (const socket of checking) socket.destroy();
    },
  };
}
