/** Opens the configured database: the home's SQLite file, or PostgreSQL, which many brokers may share. */
import type { Logger } from "pino";
import type { Config } from "../platform/config.ts";
import { CctError } from "../platform/errors.ts";
import { paths, readBrokerFile, requireNoUnfinishedRestore } from "../platform/home.ts";
import type { World } from "../platform/world.ts";
import { openSqlite } from "../store/drivers/sqlite.ts";
import { beginBoot, endBoot } from "../store/power-cut.ts";
import type { Store } from "../store/store.ts";
import { followClock } from "./cluster/clock.ts";
import { type SharedHints, shareHints } from "./cluster/hints.ts";
import type { Fanout } from "./streams/fanout.ts";
import type { Feed } from "./streams/feed.ts";

/** The first reading includes connecting, so it is less precise than the later ones. */
const CLOCK_READINGS = 3;

export interface Database {
  store: Store;
  /** For people: where it is, without credentials. */
  name: string;
  /** The clock that all of its brokers use, in milliseconds since 1970. */
  now(): number;
  /** 0 to 99: distinguishes this broker's sequence numbers from those of others, mostly. */
  slot: number;
  /** A file that exists as long as the home does. */
  homeFile: string;
  /**
   * To be called when the schema is there, before the database is used. Marks the mail that a power cut made doubtful, and
   * returns how much. Absent where every transaction waits for the disk.
   */
  begin?(): Promise<number>;
  /** Shares hints with the other brokers; absent if there cannot be any. */
  share?(events: Fanout, feed: Feed, confirmed: () => number): SharedHints;
  close(): Promise<void>;
}

/** Throws `already_running` if the home has a broker, and the store's own error if the database cannot be opened. */
export async function openDatabase(world: World, config: Config, log: Logger): Promise<Database> {
  const { database_url: url } = config;
  const place = paths(config.home);
  if (url === undefined) {
    const store = await openLocked(config.home, place.database, log);
    let hasBegun = false;
    return {
      store,
      name: place.database,
      now: world.now,
      slot: 0,
      homeFile: place.database,
      async begin() {
        const marked = await store.tx((sql) => beginBoot(sql, world.bootId()));
        hasBegun = true;
        return marked;
      },
      async close() {
        // Without this note, mail is marked after the next boot although nothing was forgotten.
        if (hasBegun) await store.tx(endBoot).catch((error) => log.warn({ err: error }, "the end was not noted"));
        await store.close();
      },
    };
  }
  // One broker per home also when its data is elsewhere. An empty SQLite file serves as the lock.
  const lock = await openLocked(config.home, place.lock, log);
  try {
    return await openShared(world, config, url, lock, log);
  } catch (error) {
    await lock.close();
    throw error;
  }
}

async function openShared(world: World, config: Config, url: string, lock: Store, log: Logger): Promise<Database> {
  const { steady, random } = world;
  const { openPostgres, openNotifications, databaseName, requireOwnConnections } = await import(
    "../store/drivers/postgres.ts"
  );
  await requireOwnConnections(url);
  const store = openPostgres({ url, pool: config.database_pool, random });
  const clock = followClock(steady);
  for (let i = 0; i < CLOCK_READINGS; i++) {
    const before = steady();
    const time = await store.time();
    clock.read(time, before, steady());
  }
  let hints: SharedHints | undefined;
  return {
    store,
    name: databaseName(url),
    now: clock.now,
    slot: Math.floor(random() * 100),
    homeFile: paths(config.home).lock,
    share(events, feed, confirmed) {
      hints = shareHints({
        open: (listener) => openNotifications(url, random, listener),
        events,
        feed,
        store,
        clock,
        confirmed,
        steady,
        me: world.newId().slice(0, 8),
        log,
      });
      return hints;
    },
    async close() {
      await hints?.close();
      await store.close();
      await lock.close();
    },
  };
}

/** Opens a SQLite file, which this process then holds locked. */
async function openLocked(home: string, path: string, log: Logger): Promise<Store> {
  requireNoUnfinishedRestore(home);
  try {
    return await openSqlite(path);
  } catch (error) {
    log.error({ err: error }, "store did not open");
    if (error instanceof CctError && error.code === "conflict") throw secondBroker(home);
    throw error;
  }
}

function secondBroker(home: string): CctError {
  const first = readBrokerFile(home);
  const who = first ? `process ${first.pid} at ${first.url}` : "a process that is just starting or stopping";
  return new CctError(
    "already_running",
    `A broker already serves ${home}: ${who}.`,
    "Use that one, or stop it with: cct kill",
  );
}
