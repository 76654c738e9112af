/** The broker process: opens the store, listens, sweeps, and ends cleanly. */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import pino, { type Logger } from "pino";
import { createStream } from "rotating-file-stream";
import { type Config, isLoopback } from "../config.ts";
import { CctError, errorLine, systemCode } from "../errors.ts";
import { type BrokerNote, brokerToken, paths, prepareHome, readBrokerNote, readOwn, writeWhole } from "../home.ts";
import type { Environment } from "../operations/operation.ts";
import { isAlive, startMark } from "../process.ts";
import { hostFrom } from "../rules/names.ts";
import { lastSeq } from "../store/messages.ts";
import { migrate, readMigrations } from "../store/migrate.ts";
import type { Peer } from "../store/peers.ts";
import { openSqlite } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import type { World } from "../world.ts";
import { createApp } from "./app.ts";
import { connections } from "./connections.ts";
import { fanout } from "./events.ts";
import { openDoors, reachableAt } from "./listen.ts";
import { sweep } from "./sweep.ts";

const SWEEP_MS = 2_000;
/** Requests that are still being answered at shutdown get this long. */
const DRAIN_MS = 3_000;

/** How other machines reach a broker. */
export interface Lan {
  /** `host:port` */
  addresses: string[];
  tls: boolean;
  /** SHA-256 of the certificate. */
  fingerprint?: string;
}

export interface Broker {
  url: string;
  /** Resolves when the broker ends by itself, because its home has been removed. */
  abandoned: Promise<void>;
  close(): Promise<void>;
}

/** Starts the broker of a home; answers when it listens. Throws `CctError` with what is in the way. */
export async function startBroker(world: World, config: Config): Promise<Broker> {
  prepareHome(config.home, world.user, true);
  const place = paths(config.home);
  const token = brokerToken(config.home, world.newId);
  const { log, endLog } = openLog(place.logs);
  let store: Store | undefined;
  try {
    store = await openStore(config.home, log);
    await migrate(store, await readMigrations(join(world.root, "migrations")), world.now());
    return await serve(world, config, token, store, log, endLog);
  } catch (error) {
    log.error({ err: error }, "broker did not start");
    await store?.close();
    await endLog();
    throw error;
  }
}

/** One's own certificate, or the home's, which is made when there is none. Throws when it cannot be used. */
async function certificate(world: World, config: Config): Promise<{ cert: string; key: string; fingerprint: string }> {
  // Only a broker that other machines reach needs it, and it is slow to load.
  const { fingerprintOf, makeCertificate } = await import("./certificate.ts");
  const place = paths(config.home);
  const own = config.cert !== undefined && config.key !== undefined;
  const [certPath, keyPath] = [config.cert ?? place.cert, config.key ?? place.key];
  try {
    if (!own && (readOwn(place.cert) === undefined || readOwn(place.key) === undefined)) {
      const made = await makeCertificate(world.now());
      writeWhole(place.key, made.key, world.newId());
      writeWhole(place.cert, made.cert, world.newId());
    }
    const read = (path: string): string => (own ? readFileSync(path, "utf8") : (readOwn(path) ?? ""));
    const [cert, key] = [read(certPath), read(keyPath)];
    // Not only that they are there: that they belong together.
    createSecureContext({ cert, key });
    return { cert, key, fingerprint: fingerprintOf(cert) };
  } catch (error) {
    throw new CctError(
      "bad_request",
      `The certificate ${certPath} and its key ${keyPath} cannot be used (${systemCode(error) ?? errorLine(error)}).`,
      own
        ? "Check the settings 'cert' and 'key': both in PEM, the key without a passphrase."
        : "Remove both files to have new ones; other machines then join anew.",
    );
  }
}

/** `endLog`: writes out what was logged, and closes the file. */
function openLog(folder: string): { log: Logger; endLog(): Promise<void> } {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stream = createStream("broker.log", { path: folder, size: "5M", maxFiles: 5, mode: 0o600 });
  // A log that cannot be written (a full disk) must not end the broker.
  stream.on("error", () => {});
  return {
    log: pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream),
    endLog: () =>
      new Promise((resolve) => {
        stream.on("error", () => resolve());
        stream.end(() => resolve());
      }),
  };
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

async function serve(
  world: World,
  config: Config,
  token: string,
  store: Store,
  log: Logger,
  endLog: () => Promise<void>,
): Promise<Broker> {
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
      mailbox_messages: config.mailbox_messages,
      peers: config.max_peers,
    },
    publish: events.publish,
  };
  let closing: Promise<void> | undefined;
  const open = connections(config.connections_per_address);
  const server = createApp({
    closing: () => closing !== undefined,
    environment,
    events,
    keys: { token, store, now: world.now },
    log,
    bounds: config,
    connections: open,
    about: ({ kind }) => ({
      version: world.version,
      name: `${world.username}@${world.hostname}`,
      started_at: startedAt,
      // A machine that shows its own token learns no more than it needs.
      ...(kind === "home" ? { pid: world.pid, home: config.home, streams: events.count(), lan: lan() } : {}),
    }),
  });
  const tls = isLoopback(config.host) || config.plain_http ? undefined : await certificate(world, config);
  const doors = await openDoors(server, config, tls, open.admit);
  /** How other machines reach the broker; none when it listens on this machine only. */
  const lan = (): Lan | undefined =>
    isLoopback(config.host)
      ? undefined
      : {
          addresses: reachableAt(config.host, doors.port),
          tls: tls !== undefined,
          ...(tls && { fingerprint: tls.fingerprint }),
        };
  const here = isLoopback(config.host) ? config.host : "127.0.0.1";
  const url = `http://${here.includes(":") ? `[${here}]` : here}:${doors.port}`;
  const note: BrokerNote = { pid: world.pid, began: startMark(world.pid), url, version: world.version };
  const place = paths(config.home);
  try {
    writeWhole(place.broker, `${JSON.stringify(note)}\n`, world.newId());
  } catch (error) {
    // Nobody would find it: a full disk, or a home that was removed meanwhile.
    events.close();
    await doors.close();
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
        const closed = doors.close();
        events.close();
        const cutOff = setTimeout(doors.cutOff, DRAIN_MS);
        await closed;
        clearTimeout(cutOff);
        await store.close();
        log.info("broker stopped");
        await endLog();
      })();
      return closing;
    },
  };
}

/** A session of this machine whose host process is no more. Another machine's is judged by its silence alone. */
function isGone(world: World, peer: Peer): boolean {
  if (peer.device_id !== null || peer.host !== hostFrom(world.hostname)) return false;
  return !isAlive(peer.claude_pid);
}
