/** Ports of this machine: one that answers, and one at which nobody does. */
import { randomInt } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atEnd } from "./cleanup.ts";

/** Lets a server listen until the test file ends; answers with its port. */
export async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Systems give none of these to a server that asks for any port, nor to a connection. */
const FIRST = 10_000;
const AFTER_LAST = 32_000;

/** Of this run, in whatever process. */
const given = join(process.env.CCT_TEST_RUN ?? tmpdir(), "ports");

/** Whether no other test of this run was given it. */
function isOurs(port: number): boolean {
  mkdirSync(given, { recursive: true });
  try {
    writeFileSync(join(given, String(port)), "", { flag: "wx" });
    return true;
  } catch {
    return false;
  }
}

/** A port at which nobody answers, and which no other test of this run is ever given. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, AFTER_LAST);
    if (!isOurs(port)) continue;
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
