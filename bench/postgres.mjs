/** A real PostgreSQL for one bench, with fsync on, and its resource usage. */
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { atEnd } from "./cleanup.mjs";
import { tempFolder } from "./product.mjs";
import { loadSource } from "./source.mjs";

/** Starts it. Throws when PostgreSQL is not installed. */
export async function startPostgres() {
  const { ask, makeCluster, urlOf } = await loadSource(
    "postgres",
    'export * from "./test/support/postgres-server.ts";',
  );
  const port = await freePort();
  const server = await makeCluster(tempFolder(), port, { fsync: "on" }).start();
  atEnd(() => server.stop("SIGINT"));
  const isClient = (pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("127.0.0.1(");
    } catch {
      return false;
    }
  };
  const children = () => readdirSync("/proc").filter((name) => /^\d+$/.test(name) && parentOf(name) === server.pid);
  return {
    ask,
    async database(name) {
      await ask(urlOf(port, "postgres"), `CREATE DATABASE ${name}`);
      return urlOf(port, name);
    },
    /** CPU time of the server and of all its children, living or ended. */
    cpuMs: () => cpuMs(server.pid, true) + children().reduce((sum, pid) => sum + cpuMs(pid, false), 0),
    /** The backend processes of client connections. */
    connections: () => children().filter(isClient),
    /** CPU time of the backend processes of client connections, exact to the microsecond. */
    backendMs: () =>
      children()
        .filter(isClient)
        .reduce((sum, pid) => sum + Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6, 0),
  };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** The fields of `/proc/<pid>/stat` from the state on; undefined when the process has ended. */
function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}

const parentOf = (pid) => Number(statOf(pid)[1]);

/** The kernel counts in hundredths of a second. */
const TICK_MS = 10;

/** CPU time of a process in milliseconds; `withEnded` adds its ended children. */
export function cpuMs(pid, withEnded = false) {
  const [own, system, ended, endedSystem] = statOf(pid).slice(11, 15).map(Number);
  return ((own ?? 0) + (system ?? 0) + (withEnded ? (ended ?? 0) + (endedSystem ?? 0) : 0)) * TICK_MS;
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid) {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}
