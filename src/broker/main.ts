/** The broker process: opens the store, listens, sweeps, and ends cleanly. */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import pino, { type Logger } from "pino";
import { createStream } from "rotating-file-stream";
import type { Environment } from "../operations/core/transaction.ts";
import type { LanAccess } from "../operations/surface/broker-status.ts";
import { type Config, isLoopback } from "../platform/config.ts";
import { CctError, errorLine, systemCode } from "../platform/errors.ts";
import {
  type BrokerNote,
  brokerToken,
  paths,
  prepareHome,
  readBrokerNote,
  readTrusted,
  writeWhole,
} from "../platform/home.ts";
import { isAlive, startMark } from "../platform/process.ts";
import type { World } from "../platform/world.ts";
import { hostFrom } from "../rules/names.ts";
import { takeChore } from "../store/chores.ts";
import { lastSeq } from "../store/messages.ts";
import { migrate, readMigrations } from "../store/migrate.ts";
import { checkMoves } from "../store/moves.ts";
import { type Database, openDatabase } from "./database.ts";
import { createApp } from "./http/app.ts";
import { connections } from "./http/connections.ts";
import { fanout } from "./http/events.ts";
import { openDoors, reachableAt } from "./http/listen.ts";
import { countEvent, measured, newTally } from "./operator/metrics.ts";
import { readiness } from "./operator/readiness.ts";
import { watch } from "./operator/watch.ts";
import { clearAway } from "./retention.ts";
import { sweepAll, sweepHere } from "./sweep.ts";

const SWEEP_MS = 2_000;
/** The clocks of brokers that take turns at the sweep do not tick at the same moment. */
const SPREAD_MS = 100;
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
  prepareHome(config.home, world.user, true);
  const place = paths(config.home);
  const token = brokerToken(config.home, world.newId);
  const { log, endLog } = openLog(place.logs);
  let database: Database | undefined;
  try {
    database = await openDatabase(world, config, log);
    const schema = await migrate(database.store, await readMigrations(join(world.root, "migrations")), database.now());
    await database.store.look(checkMoves);
    return await serve(world, config, token, database, schema, log, endLog);
  } catch (error) {
    log.error({ err: error }, "broker did not start");
    await database?.close();
    await endLog();
    throw error;
  }
}

/** One's own certificate, or the home's, which is made when there is none. Throws when it cannot be used. */
async function certificate(world: World, config: Config): Promise<{ cert: string; key: string; fingerprint: string }> {
  // Only a broker that other machines reach needs it, and it is slow to load.
  const { fingerprintOf, makeCertificate } = await import("./http/certificate.ts");
  const place = paths(config.home);
  const own = config.cert !== undefined && config.key !== undefined;
  const [certPath, keyPath] = [config.cert ?? place.cert, config.key ?? place.key];
  try {
    if (!own && (readTrusted(place.cert) === undefined || readTrusted(place.key) === undefined)) {
      const made = await makeCertificate(world.now());
      writeWhole(place.key, made.key, world.newId());
      writeWhole(place.cert, made.cert, world.newId());
    }
    const read = (path: string): string => (own ? readFileSync(path, "utf8") : (readTrusted(path) ?? ""));
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

async function serve(
  world: World,
  config: Config,
  token: string,
  database: Database,
  schema: number,
  log: Logger,
  endLog: () => Promise<void>,
): Promise<Broker> {
  const { now } = database;
  const tally = newTally();
  const store = measured(database.store, tally, world.steady);
  const startedAt = now();
  const events = fanout();
  const shared = database.share?.(events);
  const environment: Environment = {
    store,
    now,
    newId: world.newId,
    newMessageId: world.newMessageId,
    nextSeq: counter(await store.tx(lastSeq), now, database.slot),
    limits: {
      sends_per_minute: config.sends_per_minute,
      sends_per_pair: config.sends_per_pair,
      repeat_seconds: config.repeat_seconds,
      hops: config.max_hops,
      wakes_per_hour: config.wakes_per_hour,
      mailbox_messages: config.mailbox_messages,
      peers: config.max_peers,
    },
    publish(hint) {
      tally.hints++;
      (shared ?? events).publish(hint);
    },
    count: (event) => countEvent(tally, event),
  };
  let closing: Promise<void> | undefined;
  const open = connections(config.connections_per_address);
  const server = createApp({
    version: world.version,
    closing: () => closing !== undefined,
    environment,
    events,
    keys: { token, store, now },
    log,
    bounds: config,
    connections: open,
    tally,
    watch: watch({
      store,
      schema,
      tally,
      events,
      connections: open,
      others: shared,
      place: database.name,
      ready: readiness({ store, schema, others: shared, closing: () => closing !== undefined, now }),
      now,
      startedAt,
      about: ({ kind }) => ({
        version: world.version,
        name: `${world.username}@${world.hostname}`,
        started_at: startedAt,
        // A machine that shows its own token learns no more than it needs.
        ...(kind === "home" ? { pid: world.pid, home: config.home, url, streams: events.count(), lan: lan() } : {}),
      }),
    }),
  });
  const tls = isLoopback(config.host) || config.plain_http ? undefined : await certificate(world, config);
  const doors = await openDoors(server, config, tls, open.admit);
  /** How other machines reach the broker; none when it listens on this machine only. */
  const lan = (): LanAccess | undefined =>
    isLoopback(config.host)
      ? undefined
      : {
          addresses: reachableAt(config.host, doors.port),
          tls: tls !== undefined,
          ...(tls && { fingerprint: tls.fingerprint }),
        };
  const near = isLoopback(config.host) ? config.host : "127.0.0.1";
  const url = `http://${near.includes(":") ? `[${near}]` : near}:${doors.port}`;
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
  const here = { host: hostFrom(world.hostname), isAlive };
  let sweeping: Promise<void> | undefined;
  let failed = false;
  async function sweepOnce(): Promise<void> {
    try {
      await sweepHere(environment, here);
      const mine = !shared || (await store.tx((sql) => takeChore(sql, "sweep", now() - SWEEP_MS + SPREAD_MS, now())));
      if (mine) {
        await sweepAll(environment, here, absenceMs);
        await clearAway(environment, config);
      }
      failed = false;
      tally.sweptAt = now();
    } catch (error) {
      // Once, not every time: a database may be away for long.
      if (!failed) log.error({ err: error }, "sweep failed");
      failed = true;
    }
  }
  let abandon = (): void => {};
  const abandoned = new Promise<void>((resolve) => {
    abandon = resolve;
  });
  const timer = setInterval(() => {
    // Nobody can find this broker any more, and what it stores goes nowhere.
    if (!existsSync(database.file)) return abandon();
    // One that takes long is not joined by a second.
    sweeping ??= sweepOnce().finally(() => {
      sweeping = undefined;
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
        await database.close();
        log.info("broker stopped");
        await endLog();
      })();
      return closing;
    },
  };
}

/**
 * Places in the order of sending, each above the one before and above `last`: tenths of a millisecond of the clock keep the
 * order of many brokers, and the last two digits, their slots, mostly keep them apart; the database's index always does.
 */
function counter(last: number, now: () => number, slot: number): (above?: number) => number {
  let tenths = Math.floor(last / 100);
  return (above = 0) => {
    tenths = Math.max(tenths + 1, now() * 10, Math.floor(above / 100) + 1);
    return tenths * 100 + slot;
  };
}
