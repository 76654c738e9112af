/** Starting a real PostgreSQL server in a folder. `npm test` sees to it that there is one to start. */
import { execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";

/** So long that only a hang exceeds it, also on a loaded machine. */
const START_MS = 180_000;

/** The folder of `initdb` and `postgres`: the newest that Debian has, or what `CCT_TEST_POSTGRES` names; none where there is none. */
export function findPostgres(): string | undefined {
  const { CCT_TEST_POSTGRES } = process.env;
  if (CCT_TEST_POSTGRES) return CCT_TEST_POSTGRES;
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).map(Number).filter(Number.isFinite) : [];
  const folders = versions.sort((a, b) => b - a).map((version) => join(debian, String(version), "bin"));
  return folders.find((folder) => existsSync(join(folder, "initdb")));
}

export function postgresBinaries(): string {
  const found = findPostgres();
  if (found) return found;
  throw new Error("PostgreSQL is not here; npm test installs it where it can, CCT_TEST_POSTGRES names its bin folder");
}

/** PostgreSQL refuses to run as root: then it runs as the user that its package made, or as nobody. */
function runner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
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

export interface PostgresServer {
  pid: number;
  port: number;
  /** `SIGINT` breaks off what runs (fast), `SIGQUIT` is a crash. */
  stop(signal: "SIGINT" | "SIGQUIT"): Promise<void>;
}

export interface Cluster {
  start(): Promise<PostgresServer>;
}

/** Gives a file to the user that PostgreSQL runs as. */
export function give(path: string): void {
  const as = runner();
  if (as) chownSync(path, as.uid, as.gid);
}

/** Sends a signal to the server's process, and then, when a stopped one makes no more of them, to those of its connections. */
export function signalServer(pid: number, signal: NodeJS.Signals): void {
  process.kill(pid, signal);
  const children = execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" });
  for (const child of children.trim().split(/\s+/).map(Number)) {
    try {
      process.kill(child, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** Makes a cluster in an empty folder; `settings` as in postgresql.conf. Its superuser is `cct`. */
export function makeCluster(folder: string, port: number, settings: Record<string, string> = {}): Cluster {
  const binaries = postgresBinaries();
  const as = runner();
  if (as) chownSync(folder, as.uid, as.gid);
  const data = join(folder, "data");
  const options = { cwd: folder, env: { PATH: process.env.PATH, LC_ALL: "C.UTF-8" }, ...as };
  execFileSync(join(binaries, "initdb"), ["-D", data, "-U", "cct", "-A", "trust", "-E", "UTF8", "--no-sync"], {
    ...options,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const all = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: folder,
    max_connections: "300",
    // A killed server loses nothing by this, only a machine without power does.
    fsync: "off",
    ...settings,
  };
  const args = ["-D", data, ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  return {
    async start() {
      const child = spawn(join(binaries, "postgres"), args, { ...options, stdio: ["ignore", "ignore", "pipe"] });
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-4000);
      });
      const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
      const deadline = performance.now() + START_MS;
      while (!(await answers(port))) {
        if (child.exitCode !== null || performance.now() > deadline) throw new Error(`PostgreSQL: ${said}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return {
        pid: child.pid ?? 0,
        port,
        async stop(signal) {
          child.kill(signal);
          await ended;
        },
      };
    },
  };
}

/** What a database may take on a loaded machine: so long that only a hang exceeds it. */
const PATIENT = "connect_timeout=60&statement_timeout=60000";

export const urlOf = (port: number, database: string): string =>
  `postgres://cct@127.0.0.1:${port}/${database}?${PATIENT}`;

async function answers(port: number): Promise<boolean> {
  return ask(urlOf(port, "postgres"), "SELECT 1").then(
    () => true,
    () => false,
  );
}

/** Asks one thing on a connection of its own, as the superuser. */
export async function ask(url: string, text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}
