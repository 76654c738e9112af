/** Connection limits, per address and in total, and which connection is dropped when a limit is reached. */
import type { Socket } from "node:net";
import { addressKey } from "../../rules/throttle.ts";

export interface Connections {
  /** Counts a new connection. `false`: a limit is reached and every connection has shown a token, so refuse this one. */
  admit(socket: Socket): boolean;
  /** Records that a valid token was sent on this connection. */
  prove(socket: Socket): void;
  count(): number;
}

interface Address {
  all: number;
  /** Connections without a token so far, the oldest first. */
  unproven: Set<string>;
}

/**
 * At a limit, the oldest connection without a token is dropped for the new one. So a client that only opens connections
 * cannot lock anybody out, not even clients that share its address. `perAddress` 0: no limit per address. `most`: of all addresses
 * together; an idle connection takes about 20 KB.
 */
export function createConnections(perAddress: number, most: number): Connections {
  const addresses = new Map<string, Address>();
  const unproven = new Map<string, Socket>();
  const proven = new WeakSet<Socket>();
  let all = 0;

  function drop(id: string | undefined): boolean {
    const socket = id === undefined ? undefined : unproven.get(id);
    if (id === undefined || !socket) return false;
    forget(socket, id);
    socket.destroy();
    return true;
  }

  function forget(socket: Socket, id: string): void {
    unproven.delete(id);
    addresses.get(addressKey(socket.remoteAddress))?.unproven.delete(id);
  }

  return {
    admit(socket) {
      const key = addressKey(socket.remoteAddress);
      const address = addresses.get(key) ?? { all: 0, unproven: new Set<string>() };
      const [oldestHere] = address.unproven;
      if (perAddress > 0 && address.all >= perAddress && !drop(oldestHere)) return false;
      const [oldest] = unproven.keys();
      if (all >= most && !drop(oldest)) return false;
      const id = idOf(socket);
      addresses.set(key, address);
      address.all++;
      all++;
      address.unproven.add(id);
      unproven.set(id, socket);
      socket.once("close", () => {
        address.all--;
        all--;
        address.unproven.delete(id);
        if (unproven.get(id) === socket) unproven.delete(id);
        if (address.all === 0 && addresses.get(key) === address) addresses.delete(key);
      });
      return true;
    },
    prove(socket) {
      if (proven.has(socket)) return;
      proven.add(socket);
      forget(socket, idOf(socket));
    },
    count: () => all,
  };
}

/** Not the object's identity: with TLS, a request's socket is another object than the connection that was admitted. */
function idOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
