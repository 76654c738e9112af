/** How many connections there may be, of one address and in all, and which one goes when there are too many. */
import type { Socket } from "node:net";
import { addressKey } from "../../rules/throttle.ts";

/** Of all addresses together. An idle one costs some 20 KB. */
export const MAX_CONNECTIONS = 4096;

export interface Connections {
  /** Counts a new connection. `false`: there are too many, and every one of them has shown the token: refuse it. */
  admit(socket: Socket): boolean;
  /** The token was shown on this connection. */
  prove(socket: Socket): void;
  count(): number;
}

interface Address {
  all: number;
  /** Without the token so far, the oldest first. */
  unproven: Set<string>;
}

/**
 * Where there is no room, the oldest connection that never showed the token makes it: so that one who only opens
 * connections shuts nobody out, not even at an address that many share. `perAddress` 0: no limit for one address.
 */
export function connections(perAddress: number): Connections {
  const addresses = new Map<string, Address>();
  const unproven = new Map<string, Socket>();
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
      if (all >= MAX_CONNECTIONS && !drop(oldest)) return false;
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
      forget(socket, idOf(socket));
    },
    count: () => all,
  };
}

/** By its ends: over TLS the socket of a request is another object than the connection that was admitted. */
function idOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
