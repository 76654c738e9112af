/** The network addresses of this machine, and whether a server can listen on one. */
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { systemCode } from "./errors.ts";

/** The addresses under which other machines may reach this one, the most likely one first. */
export function ownAddresses(families: readonly ("IPv4" | "IPv6")[]): string[] {
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    // Link-local addresses need the name of an interface of the other machine.
    .filter((one) => !one.internal && !/^(?:fe80|169\.254\.)/i.test(one.address))
    .filter((one) => families.includes(one.family));
  return found.sort((a, b) => a.family.localeCompare(b.family)).map((one) => one.address);
}

/** Why a server cannot listen on this address, as the system's error code; `undefined` if it can. */
export function cannotListenOn(host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(systemCode(error) ?? error.message));
    server.listen(0, host, () => server.close(() => resolve(undefined)));
  });
}
