/** The broker process: opens the store, listens, sweeps, and ends cleanly. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import pino, { type Logger } from "pino";
import { createStream } from "rotating-file-stream";
import type { Config } from "../config.ts";
import { CctError, errorLine, systemCode } from "../errors.ts";
import { type BrokerNote, brokerToken, paths, prepareHome, readBrokerNote, writeWhole } from "../home.ts";
import type { Environment } from "../operations/operation.ts";
import { isAlive, startMark } from "../process.ts";
import { lastSeq } from "../store/messages.ts";
import { migrate, readMigrations } from "../store/migrate.ts";
import type { Peer } from "../store/peers.ts";
import { openSqlite } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import type { World } from "../world.ts";
import { createApp } from "./app.ts";
import { fanout } from "./events.ts";
import { sweep } from "./sweep.ts";

const SWEEP_MS = 2_000;
/** Requests that are still being answered at shutdown get this long. */
const DRAIN_MS = 3_000;

export interface Broker {
  url: string;
  /** Resolves when the broker ends by itself, because its home has been removed. */
  abandoned: Promise<void>;
  close(): Promise<void>;
}

/** Starts the broker of a home; answers when it listens. Throws `CctError` with what is in the way. */
export async function startBroker(world: World, config: Config): Promise<Broker> {
  checkLoopback(config.host);
  prepareHome(config.home, world.user, true);
  const place = paths(config.home);
  const token = brokerToken(config.home, world.newId);
  const log = openLog(place.logs);
  const store = await openStore(config.home, log);
  try {
    await migrate(store, await readMigrations(join(world.root, "migrations")), world.now());
    return await serve(world, config, token, store, log);
  } catch (error) {
    log.error({ err: error }, "broker did not start");
    await store.close();
    throw error;
  }
}

/** Until TLS and device tokens exist, nothing but this machine may reach the broker. */
function checkLoopback(host: string): void {
  if (["127.0.0.1", "::1", "localhost"].includes(host)) return;
  throw new CctError(
    "bad_request",
    `The broker listens on this machine only; '${host}' is not one of its loopback addresses.`,
    "Use 127.0.0.1.",
  );
}

function openLog(folder: string): Logger {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stream = createStream("broker.log", { path: folder, size: "5M", maxFiles: 5, mode: 0o600 });
  // A log that cannot be written (a full disk) must not end the broker.
  stream.on("error", () => {});
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}

async function openStore(home: string, log: Logger): Promise<Store> {
  try {
    return await openSqlite(paths(home).database);
  } catch (error) {
    log.error({ err: error }, "store did not open");
    if (error instanceof CctError && error.code === "conflict") throw secondBroker(home);
    throw error;
  }
}

function secondBroker(home: string): CctError {
  const first = readBrokerNote(home);
  const who = first ? `process ${first.pid} at ${first.url}` : "a process that is just starting or ending";
  return new CctError(
    "conflict",
    `A broker already serves ${home}: ${who}.`,
    "Use that one, or stop it with: cct kill",
  );
}

async function serve(world: World, config: Config, token: string, store: Store, log: Logger): Promise<Broker> {
  const startedAt = world.now();
  const events = fanout();
  let seq = await store.tx(lastSeq);
  const environment: Environment = {
    store,
    now: world.now,
    newId: world.newId,
    newMessageId: world.newMessageId,
    // Microseconds of the clock keep the order readable; the counter keeps it strict.
    nextSeq: () => {
      seq = Math.max(seq + 1, world.now() * 1000);
      return seq;
    },
    limits: {
      sends_per_minute: config.sends_per_minute,
      sends_per_pair: config.sends_per_pair,
      repeat_seconds: config.repeat_seconds,
      hops: config.max_hops,
      wakes_per_hour: config.wakes_per_hour,
    },
    publish: events.publish,
  };
  let closing: Promise<void> | undefined;
  const server = createApp({
    closing: () => closing !== undefined,
    environment,
    events,
    token,
    log,
    about: () => ({
      pid: world.pid,
      version: world.version,
      home: config.home,
      started_at: startedAt,
      streams: events.count(),
    }),
  });
  await listen(server, config);
  const { port } = server.address() as AddressInfo;
  const url = `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`;
  const note: BrokerNote = { pid: world.pid, began: startMark(world.pid), url, version: world.version };
  const place = paths(config.home);
  try {
    writeWhole(place.broker, `${JSON.stringify(note)}\n`, world.newId());
  } catch (error) {
    // Nobody would find it: a full disk, or a home that was removed meanwhile.
    events.close();
    server.close();
    throw new CctError(
      "store_failed",
      `The broker cannot write ${place.broker} (${systemCode(error) ?? errorLine(error)}).`,
      "Check the disk and the home.",
    );
  }
  log.info({ pid: world.pid, url, version: world.version, node: process.versions.node }, "broker started");

  const absenceMs = config.pool_absence_hours * 3_600_000;
  let sweeping = Promise.resolve();
  let abandon = (): void => {};
  const abandoned = new Promise<void>((resolve) => {
    abandon = resolve;
  });
  const timer = setInterval(() => {
    // Nobody can find this broker any more, and what it stores goes nowhere.
    if (!existsSync(place.database)) return abandon();
    sweeping = sweep(environment, (peer) => isGone(world, peer), absenceMs).catch((error: unknown) => {
      log.error({ err: error }, "sweep failed");
    });
  }, SWEEP_MS);

  return {
    url,
    abandoned,
    close() {
      closing ??= (async () => {
        clearInterval(timer);
        // First of all: a session whose stream ends looks here whether the broker was told to end, or died.
        if (readBrokerNote(config.home)?.pid === world.pid) rmSync(place.broker, { force: true });
        await sweeping;
        const closed = new Promise((resolve) => server.close(resolve));
        events.close();
        server.closeIdleConnections();
        const cutOff = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
        await closed;
        clearTimeout(cutOff);
        await store.close();
        log.info("broker stopped");
        await new Promise<void>((resolve) => log.flush(() => resolve()));
      })();
      return closing;
    },
  };
}

function listen(server: ReturnType<typeof createApp>, config: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      if (systemCode(error) === "EADDRINUSE") {
        reject(
          new CctError(
            "conflict",
            `Port ${config.port} on ${config.host} is taken by another program, or by the broker of another home.`,
            "Choose another one: cct config set port <number>, or CCT_PORT.",
          ),
        );
      } else {
        reject(
          new CctError(
            "unavailable",
            `The broker cannot listen on ${config.host}:${config.port} (${errorLine(error)}).`,
            "Choose another address.",
          ),
        );
      }
    });
    server.listen(config.port, config.host, resolve);
  });
}

/** A session of this machine whose host process is no more. Another machine's is judged by its silence alone. */
function isGone(world: World, peer: Peer): boolean {
  if (peer.host !== world.hostname) return false;
  return !isAlive(peer.claude_pid);
}
