/** Starts the broker process and shuts it down. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { createBounds } from "../operations/core/bounds.ts";
import type { Environment } from "../operations/core/transaction.ts";
import type { LanAccess } from "../operations/surface/broker-status.ts";
import type { Config } from "../platform/config.ts";
import { CctError, errorLine, systemCode } from "../platform/errors.ts";
import { writeWhole } from "../platform/files.ts";
import { type BrokerFile, brokerToken, paths, prepareHome, readBrokerFile } from "../platform/home.ts";
import { isLoopback } from "../platform/network.ts";
import { startMark } from "../platform/process.ts";
import { hashSecret } from "../platform/secrets.ts";
import type { World } from "../platform/world.ts";
import { LOGIN_MS } from "../rules/browsers.ts";
import { usedCookieHashes } from "../store/browsers.ts";
import { revokedAmong, usedTokenHashes } from "../store/devices.ts";
import { lastSeq } from "../store/messages.ts";
import { migrate, readMigrations } from "../store/migrate.ts";
import { requireNoUnfinishedMove } from "../store/moves.ts";
import type { Sql } from "../store/store.ts";
import { hereOf, startLoop } from "./background/loop.ts";
import { sweepHere } from "./background/sweep.ts";
import { createClock } from "./clock.ts";
import type { SharedHints } from "./cluster/hints.ts";
import { type Database, openDatabase } from "./database.ts";
import { createApp } from "./http/app.ts";
import { createConnections } from "./http/connections.ts";
import { localUrl, openListeners, reachableAddresses } from "./http/listeners.ts";
import { MAX_CLIENTS } from "./http/recent.ts";
import { loadCertificate } from "./http/tls.ts";
import { openLog } from "./log.ts";
import { planOf } from "./notify/channels.ts";
import { countEvent, createMetrics, measured } from "./operator/metrics.ts";
import { createMonitoring } from "./operator/monitoring.ts";
import { createReadiness } from "./operator/readiness.ts";
import { watchStore } from "./operator/store-health.ts";
import { createSequence } from "./sequence.ts";
import { createFanout } from "./streams/fanout.ts";
import { createFeed } from "./streams/feed.ts";

/** What only tests change. */
export interface BrokerTiming {
  /** How often the sweep runs. */
  sweepMs: number;
  /** How long a client may take for its first byte, and for the headers of a request. */
  clientTimeoutMs: number;
}

const TIMING: BrokerTiming = { sweepMs: 2_000, clientTimeoutMs: 10_000 };
/** At shutdown, requests in progress get this long to finish. */
const DRAIN_MS = 3_000;

export interface Broker {
  url: string;
  /** Resolves when the broker has to end: with the error of its store, or without one when its home was removed. */
  ended: Promise<CctError | undefined>;
  close(): Promise<void>;
}

/** Starts the broker of a home; resolves when it accepts requests. Throws a `CctError` that says what prevents it. */
export async function startBroker(world: World, config: Config, changes: Partial<BrokerTiming> = {}): Promise<Broker> {
  const timing = { ...TIMING, ...changes };
  prepareHome(config.home, world.user, true);
  const { log, endLog } = openLog(paths(config.home).logs);
  let database: Database | undefined;
  try {
    // Takes the home's lock: from here on there is only one broker per home.
    database = await openDatabase(world, config, log);
    const schema = await migrate(database.store, await readMigrations(join(world.root, "migrations")), database.now());
    await database.store.read(requireNoUnfinishedMove);
    const marked = (await database.begin?.()) ?? 0;
    if (marked > 0) log.warn({ messages: marked }, "the machine went down: waiting mail is marked as perhaps shown");
    const broker = await serve({ world, config, timing, database, schema, log });
    const { close: closeDatabase } = database;
    const close = async (): Promise<void> => {
      await broker.close();
      await closeDatabase();
      log.info("broker stopped");
      await endLog();
    };
    let closing: Promise<void> | undefined;
    return {
      ...broker,
      close() {
        closing ??= close();
        return closing;
      },
    };
  } catch (error) {
    log.error({ err: error }, "broker did not start");
    await database?.close();
    await endLog();
    throw error;
  }
}

interface Parts {
  world: World;
  config: Config;
  timing: BrokerTiming;
  database: Database;
  /** The database's schema version. */
  schema: number;
  log: Logger;
}

/** Serves an open database: event streams and operations first, then the listeners, the broker file and the sweep. */
async function serve({ world, config, timing, database, schema, log }: Parts): Promise<Broker> {
  const { now } = database;
  const notify = planOf(config, world);
  const startedAt = now();
  const clock = createClock({ now, steady: world.steady, log, calmMs: config.clock_confirm_seconds * 1000 });
  const metrics = createMetrics();
  const health = watchStore(measured(database.store, metrics, world.steady), now, log);
  const { store } = health;
  const events = createFanout((devices) => store.read((sql) => revokedAmong(sql, devices)));
  let others: SharedHints | undefined;
  const feed = createFeed({ store, now, steady: world.steady, run: world.newId().slice(0, 8), others: () => others });
  // Hints go to the other brokers as well, if there can be any.
  others = database.share?.(events, feed, clock.confirmed);
  const environment: Environment = {
    store,
    now,
    confirmed: clock.confirmed,
    isConfirmed: clock.isConfirmed,
    newId: world.newId,
    newMessageId: world.newMessageId,
    nextSeq: createSequence(await store.tx(lastSeq), clock.confirmed, database.slot),
    limits: limitsOf(config),
    notifying: notify?.shown,
    bounds: others ? undefined : createBounds(),
    publish(hint) {
      metrics.hints++;
      if (hint.about === "revoked") feed.endDevice(hint.device_id);
      (others ?? events).publish(hint);
    },
    count(event) {
      countEvent(metrics, event);
      feed.happened(event);
    },
    changed: feed.changed,
  };
  let closed = false;
  const isClosing = (): boolean => closed;
  let hasFailed = false;
  const failure =
    database.store.failed?.then((error) => {
      hasFailed = true;
      log.fatal({ err: error }, "the store failed: the broker ends, and the next start reads the log");
      return error;
    }) ?? new Promise<never>(() => {});
  const connections = createConnections(config.connections_per_address, config.max_connections);
  const monitoring = createMonitoring({
    store,
    schema,
    metrics,
    events,
    connections,
    others,
    databaseName: database.name,
    clock,
    readiness: createReadiness({ store, schema, others, fault: health.fault, isClosing, steady: world.steady }),
    now,
    steady: world.steady,
    identity: ({ kind }) => ({
      version: world.version,
      name: `${world.username}@${world.hostname}`,
      started_at: startedAt,
      // Only the home's own token gets the details.
      ...(kind === "home" ? { pid: world.pid, home: config.home, url, streams: events.count(), lan: lan() } : {}),
    }),
  });
  const keys = { homeHash: hashSecret(brokerToken(config.home, world.newId)), store, now };
  const app = createApp({
    version: world.version,
    environment,
    events,
    feed,
    keys,
    knownTokens: await store.read((sql) => hashesInUse(sql, now())),
    log,
    rates: config,
    connections,
    monitoring,
    metrics,
    clientTimeoutMs: timing.clientTimeoutMs,
    page: { folder: join(world.root, "dist/page"), onNetwork: config.page_on_network },
    isClosing,
  });
  // What ended while no broker ran is not called idle at the first question.
  await sweepHere(environment, hereOf(world)).catch((error: unknown) =>
    log.error({ err: error }, "first sweep failed"),
  );
  const certificate = isLoopback(config.host) || config.plain_http ? undefined : await loadCertificate(world, config);
  const listeners = await openListeners(app, config, certificate, timing.clientTimeoutMs, connections.admit);
  const url = localUrl(config.host, listeners.port);
  const lan = (): LanAccess | undefined =>
    isLoopback(config.host)
      ? undefined
      : {
          addresses: reachableAddresses(config.host, listeners.port),
          tls: certificate !== undefined,
          fingerprint: certificate?.fingerprint,
          page: certificate !== undefined && config.page_on_network,
        };
  try {
    // Now that the broker listens: clients that find the file connect at once.
    writeBrokerFile(world, config.home, url);
  } catch (error) {
    events.close();
    feed.close();
    await listeners.close();
    throw error;
  }
  log.info({ pid: world.pid, url, version: world.version, node: process.versions.node }, "broker started");
  /** A user, or a restored backup, may have taken the file away, and then no client finds the broker. */
  function keepBrokerFile(): void {
    if (closed || hasFailed || readBrokerFile(config.home)?.pid === world.pid) return;
    try {
      writeBrokerFile(world, config.home, url);
    } catch {
      // The disk may be full: the next time.
    }
  }
  const loop = startLoop({
    world,
    config,
    homeFile: database.homeFile,
    isShared: others !== undefined,
    environment,
    clock,
    metrics,
    log,
    sweepMs: timing.sweepMs,
    streams: events,
    notify,
    keepBrokerFile,
  });

  return {
    url,
    ended: Promise.race([loop.abandoned.then(() => undefined), failure]),
    async close() {
      closed = true;
      health.stop();
      const stopped = loop.stop();
      // Before the streams end: a session whose stream ends checks the file to tell a shutdown from a crash.
      if (!hasFailed) removeBrokerFile(world, config.home, log);
      await stopped;
      const drained = listeners.close();
      events.close();
      feed.close();
      const timer = setTimeout(listeners.destroyConnections, DRAIN_MS);
      await drained;
      clearTimeout(timer);
    },
  };
}

/** Hashes of the tokens and cookies that are valid, those last used at the end. Half of the broker's memory for each kind. */
async function hashesInUse(sql: Sql, now: number): Promise<string[]> {
  const tokens = await usedTokenHashes(sql, MAX_CLIENTS / 2);
  const cookies = await usedCookieHashes(sql, now - LOGIN_MS, MAX_CLIENTS / 2);
  return [...tokens.reverse(), ...cookies.reverse()];
}

function limitsOf(config: Config): Environment["limits"] {
  const { sends_per_minute, sends_per_pair, repeat_seconds, wakes_per_hour, mailbox_messages } = config;
  const { max_hops: hops, max_peers: peers, max_pools: pools, max_devices: devices, max_services: services } = config;
  const guards = { sends_per_minute, sends_per_pair, repeat_seconds, wakes_per_hour, mailbox_messages, hops };
  const { listing_page: page, idle_heartbeat_seconds } = config;
  return { ...guards, peers, pools, devices, services, page, idle_beat_ms: idle_heartbeat_seconds * 1000 };
}

/** Tells clients where the broker is. Throws `store_failed`: without the file nobody would find it. */
function writeBrokerFile(world: World, home: string, url: string): void {
  const path = paths(home).broker;
  const content: BrokerFile = { pid: world.pid, began: startMark(world.pid), url, version: world.version };
  try {
    writeWhole(path, `${JSON.stringify(content)}\n`, world.newId());
  } catch (error) {
    throw new CctError(
      "store_failed",
      `The broker cannot write ${path} (${systemCode(error) ?? errorLine(error)}).`,
      "Check that the disk has space and the home is writable.",
    );
  }
}

/** Unless another broker has replaced it. A file that stays does no harm: it names a process that has ended. */
function removeBrokerFile(world: World, home: string, log: Logger): void {
  try {
    if (readBrokerFile(home)?.pid === world.pid) rmSync(paths(home).broker, { force: true });
  } catch (error) {
    log.warn({ err: error }, "the broker file stays");
  }
}
