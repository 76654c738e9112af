/**
 * Before all tests: the run begins, unless `npm test` has begun it, and the program must have been built, because tests
 * start it as users get it. With `CCT_TEST_STORE=postgres`
 * brokers that ask for nothing else get a database on one PostgreSQL that lasts as long as the run.
 */
import { existsSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { findPostgres, makeCluster } from "./postgres-server.ts";
import { beginRun } from "./run/run.mjs";

export default async function setup(): Promise<() => Promise<void>> {
  if (!existsSync(new URL("../../dist/bin.js", import.meta.url))) {
    throw new Error("dist/bin.js is missing. Run `npm run build` first, or `npm test`, which does it.");
  }
  const run = beginRun();
  const stopPostgres = await startPostgres(process.env.CCT_TEST_RUN ?? "");
  return async () => {
    await stopPostgres();
    for (const left of (await run?.end()) ?? []) console.error(`Left behind by a test, and killed: ${left}`);
  };
}

async function startPostgres(run: string): Promise<() => Promise<void>> {
  if (process.env.CCT_TEST_STORE !== "postgres" || !findPostgres()) return async () => {};
  const server = await makeCluster(mkdtempSync(join(run, "postgres-")), await freePort()).start();
  process.env.CCT_TEST_POSTGRES_PORT = String(server.port);
  return () => server.stop("SIGQUIT");
}
