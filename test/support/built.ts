/**
 * Before all tests: the program must have been built, because they start it as users get it. With `CCT_TEST_STORE=postgres`
 * brokers that ask for nothing else get a database on one PostgreSQL that lasts as long as the run.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPostgres, makeCluster } from "./postgres-server.ts";

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (!existsSync(new URL("../../dist/bin.js", import.meta.url))) {
    throw new Error("dist/bin.js is missing. Run `npm run build` first, or `npm test`, which does it.");
  }
  if (process.env.CCT_TEST_STORE !== "postgres" || !findPostgres()) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "cct-test-postgres-"));
  const server = await makeCluster(folder, await freePort()).start();
  process.env.CCT_TEST_POSTGRES_PORT = String(server.port);
  return async () => {
    await server.stop("SIGQUIT");
    rmSync(folder, { recursive: true, force: true });
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
