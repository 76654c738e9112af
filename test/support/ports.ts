/** Ports of this machine: one that answers, and one at which nobody does. */
import type { AddressInfo, Server } from "node:net";
import { atEnd } from "./cleanup.ts";

export { freePort } from "./free-port.ts";

/** Lets a server listen until the test file ends; answers with its port. */
export async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => server.close());
  return (server.address() as AddressInfo).port;
}
