/** A real PostgreSQL server of a test file's own, in a folder of its own. `npm test` sees to it that there is one to start. */
import { execFileSync } from "node:child_process";
import { chownSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { atEnd } from "./cleanup.ts";
import { tempFolder } from "./folders.ts";
import { isRoot } from "./not-run.ts";
import { freePort } from "./ports.ts";
import { type Exit, type Running, run } from "./process.ts";
import { until } from "./wait.ts";

export interface TestPostgres {
  port: number;
  /** A new, empty database. */
  database(): Promise<string>;
  /** Asks as the superuser, in the database of `url`. */
  ask(url: string, text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** Ends the server: `SIGINT` breaks off what runs (fast), `SIGQUIT` is a crash. */
  stop(signal: "SIGINT" | "SIGQUIT"): Promise<Exit>;
  start(): Promise<void>;
  /** The server's process, for signals that do not end it. */
  pid(): number;
}

/** The folder of `initdb` and `postgres`: the newest that Debian has, or what `CCT_TEST_POSTGRES` names. */
export function postgresBinaries(): string | undefined {
  const { CCT_TEST_POSTGRES } = process.env;
  if (CCT_TEST_POSTGRES) return CCT_TEST_POSTGRES;
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).map(Number).filter(Number.isFinite) : [];
  const folders = versions.sort((a, b) => b - a).map((version) => join(debian, String(version), "bin"));
  return folders.find((folder) => existsSync(join(folder, "initdb")));
}

/** PostgreSQL refuses to run as root: then it runs as the user that its package made, or as nobody. */
function runner(): { uid: number; gid: number } | undefined {
  if (!isRoot) return undefined;
  const id = (...args: string[]): number => Number(execFileSync("id", args, { stdio: ["ignore", "pipe", "ignore"] }));
  for (const name of ["postgres", "nobody"]) {
    try {
      return { uid: id("-u", name), gid: id("-g", name) };
    } catch {
      // There is no such user here.
    }
  }
  throw new Error("there is no user to run PostgreSQL as");
}

/** Starts a server; `settings` as in postgresql.conf. */
export async function startPostgres(settings: Record<string, string> = {}): Promise<TestPostgres> {
  const binaries = postgresBinaries();
  if (!binaries) throw new Error("PostgreSQL is not here: npm test installs it where it can");
  const folder = tempFolder();
  const as = runner();
  if (as) chownSync(folder, as.uid, as.gid);
  const data = join(folder, "data");
  // No order of letters but that of the machine: whatever it is, the store must not depend on it.
  execFileSync(join(binaries, "initdb"), ["-D", data, "-U", "cct", "-A", "trust", "-E", "UTF8", "--no-sync"], {
    cwd: folder,
    env: { PATH: process.env.PATH, LC_ALL: "C.UTF-8" },
    stdio: ["ignore", "ignore", "pipe"],
    ...as,
  });
  const port = await freePort();
  const all = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: folder,
    max_connections: "200",
    // A killed server loses nothing by this, only a machine without power does.
    fsync: "off",
    ...settings,
  };
  const args = ["-D", data, ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  const urlOf = (name: string): string => `postgres://cct@127.0.0.1:${port}/${name}`;
  let server: Running;
  let databases = 0;

  async function ask(url: string, text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(url);
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  async function start(): Promise<void> {
    server = run(join(binaries ?? "", "postgres"), args, { cwd: folder, ...(as && { as }) });
    let ended: Exit | undefined;
    void server.exited.then((exit) => {
      ended = exit;
    });
    await until("PostgreSQL answers", async () => {
      if (ended) throw new Error(`PostgreSQL ended: ${server.stderr()}`);
      return ask(urlOf("postgres"), "SELECT 1").catch(() => undefined);
    });
  }

  await start();
  // Its own children end by themselves when it is killed; told to end at once, it sees to it.
  atEnd(() => server.stop("SIGQUIT"));
  return {
    port,
    ask,
    start,
    pid: () => server.pid,
    stop: (signal) => server.stop(signal),
    async database() {
      databases++;
      const name = `test_${databases}`;
      await ask(urlOf("postgres"), `CREATE DATABASE ${name}`);
      return urlOf(name);
    },
  };
}
