/** Ports for servers of tests. Knows nothing of tests, so that what runs before them can use it. */
import { randomInt } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Systems give none of these to a server that asks for any port, nor to a connection. */
const FIRST = 10_000;
const AFTER_LAST = 32_000;

/** A port at which nobody answers, and which nobody else in this run of the tests is given, also when its server is away. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, AFTER_LAST);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (isFree && isFirst(port)) return port;
  }
}

/** Whether no process of this run has been given the port before. */
function isFirst(port: number): boolean {
  const folder = join(process.env.CCT_TEST_RUN ?? tmpdir(), "ports");
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(join(folder, String(port)), "", { flag: "wx" });
    return true;
  } catch {
    return false;
  }
}
