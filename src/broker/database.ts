/** Opens what the configuration names: the home's own file, or a PostgreSQL that many brokers share. */
import type { Logger } from "pino";
import type { Config } from "../platform/config.ts";
import { CctError } from "../platform/errors.ts";
import { paths, readBrokerNote } from "../platform/home.ts";
import type { World } from "../platform/world.ts";
import { openSqlite } from "../store/drivers/sqlite.ts";
import type { Store } from "../store/store.ts";
import { followClock } from "./cluster/clock.ts";
import { type SharedHints, shareHints } from "./cluster/hints.ts";
import type { Fanout } from "./http/events.ts";

export interface Database {
  store: Store;
  /** For people: where it is, without a word of how one gets in. */
  name: string;
  /** The clock that all of its brokers share. */
  now(): number;
  /** Which of 100 numbers this broker makes the order of its messages from. */
  slot: number;
  /** A file of the home that lasts as long as the home does. */
  file: string;
  /** Begins to hear other brokers; there are none where this is left out. */
  share?(events: Fanout): SharedHints;
  close(): Promise<void>;
}

/** Throws `already_running` when another broker serves the home, and what the store says when it cannot be opened. */
export async function openDatabase(world: World, config: Config, log: Logger): Promise<Database> {
  const { database_url } = config;
  const place = paths(config.home);
  // One broker per home, whatever it stores its messages in: the lock is that of a file.
  const file = await openOwn(config.home, database_url === undefined ? place.database : place.lock, log);
  if (database_url === undefined)
    return { store: file, name: place.database, now: world.now, slot: 0, file: place.database, close: file.close };
  try {
    const { openPostgres, openWire, databaseName } = await import("../store/drivers/postgres.ts");
    const store = openPostgres({ url: database_url, pool: config.database_pool, random: world.random });
    const clock = followClock(world.steady);
    // The first one connects, and takes longer.
    for (let i = 0; i < 3; i++) {
      const before = world.steady();
      const time = await store.time();
      clock.read(time, before, world.steady());
    }
    let hints: SharedHints | undefined;
    return {
      store,
      name: databaseName(database_url),
      now: clock.now,
      slot: Math.floor(world.random() * 100),
      file: place.lock,
      share(events) {
        hints = shareHints({
          open: (listener) => openWire(database_url, world.random, listener),
          events,
          store,
          clock,
          steady: world.steady,
          me: world.newId().slice(0, 8),
          log,
        });
        return hints;
      },
      async close() {
        await hints?.close();
        await store.close();
        await file.close();
      },
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openOwn(home: string, path: string, log: Logger): Promise<Store> {
  try {
    return await openSqlite(path);
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
    "already_running",
    `A broker already serves ${home}: ${who}.`,
    "Use that one, or stop it with: cct kill",
  );
}
