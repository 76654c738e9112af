/** A real PostgreSQL server of a test file's own. */
import { atEnd } from "./cleanup.ts";
import { tempFolder } from "./folders.ts";
import { notRun } from "./not-run.ts";
import { freePort } from "./ports.ts";
import { ask, findPostgres, makeCluster, type PostgresServer, signalServer, urlOf } from "./postgres-server.ts";

export { ask } from "./postgres-server.ts";

/** Whether a test can have one; where not, `what` is told as not run. */
export const hasPostgres = (what: string): boolean => findPostgres() !== undefined || !notRun(what, "no PostgreSQL");

export interface TestPostgres {
  /** A new, empty database. */
  database(): Promise<string>;
  /** Ends the server: `SIGINT` breaks off what runs (fast), `SIGQUIT` is a crash. */
  stop(signal: "SIGINT" | "SIGQUIT"): Promise<void>;
  start(): Promise<void>;
  /** Stops all of it, and lets it go on: a database that hangs. */
  freeze(): void;
  thaw(): void;
}

/** Starts a server; `settings` as in postgresql.conf. */
export async function startPostgres(settings?: Record<string, string>): Promise<TestPostgres> {
  const port = await freePort();
  const cluster = makeCluster(tempFolder(), port, settings);
  let server: PostgresServer = await cluster.start();
  let databases = 0;
  const signal = (name: NodeJS.Signals): void => signalServer(server.pid, name);
  // Its children end with it.
  atEnd(() => {
    signal("SIGCONT");
    return server.stop("SIGQUIT");
  });
  return {
    freeze: () => signal("SIGSTOP"),
    thaw: () => signal("SIGCONT"),
    stop: (signal) => server.stop(signal),
    async start() {
      server = await cluster.start();
    },
    async database() {
      databases++;
      await ask(urlOf(port, "postgres"), `CREATE DATABASE test_${databases}`);
      return urlOf(port, `test_${databases}`);
    },
  };
}
