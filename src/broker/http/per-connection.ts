/** What follows from a header, worked out once per connection: a client sends the same one with every request. */
import type { Socket } from "node:net";

export function perConnection<T>(workOut: (header: string) => T): (socket: Socket, header: string) => T {
  const last = new WeakMap<Socket, { header: string; value: T }>();
  return (socket, header) => {
    const known = last.get(socket);
    if (known?.header === header) return known.value;
    const value = workOut(header);
    last.set(socket, { header, value });
    return value;
  };
}
