/** The source and the target of a move: databases that no broker may use during the move. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../platform/config.ts";
import { CctError } from "../platform/errors.ts";
import { paths, readBrokerFile } from "../platform/home.ts";
import { stillRuns } from "../platform/process.ts";
import type { World } from "../platform/world.ts";
import type { StoreKind } from "../rules/moves.ts";
import { choreClaimedAt } from "../store/chores.ts";
import { openSqlite } from "../store/drivers/sqlite.ts";
import { migrate, newestOf, readMigrations } from "../store/migrate.ts";
import { beginBoot, endBoot } from "../store/power-cut.ts";
import type { Store } from "../store/store.ts";
import { keyWithNul, tables } from "../store/tables.ts";

/** If a broker uses a database, its last sweep is not older than this, and the next one comes well before. */
const SWEPT_MS = 10_000;
const CHECK_MS = 500;
const CHECKS = 12;

export interface Endpoint {
  store: Store;
  /** The database, for people. */
  name: string;
  now(): Promise<number>;
  /** Throws `conflict` if a broker has used the database since it was opened. */
  checkUnused(): Promise<void>;
  /** Throws `conflict` if there is a text that the other kind of database cannot store. */
  checkTexts(): Promise<void>;
  /** Updates the statistics for the query planner. */
  analyze(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a database and migrates it to this program's schema. Throws `conflict` if a broker uses it. */
export async function openEndpoint(world: World, config: Config, kind: StoreKind): Promise<Endpoint> {
  const endpoint = await (kind === "sqlite" ? openFile(world, config.home) : openShared(world, config));
  try {
    const migrations = await readMigrations(join(world.root, "migrations"));
    const newest = newestOf(migrations);
    const schema = await migrate(endpoint.store, migrations, await endpoint.now());
    if (schema > newest)
      throw new CctError(
        "conflict",
        `${endpoint.name} has schema ${schema}, and this program only knows schema ${newest}. Nothing was moved.`,
        "Use the newer version of CCT that wrote it.",
      );
    await endpoint.checkUnused();
    // Brokers of the target do not know that the machine of the source went down.
    if (kind === "sqlite")
      await endpoint.store.tx(async (sql) => {
        await beginBoot(sql, world.bootId());
        await endBoot(sql);
      });
    return endpoint;
  } catch (error) {
    await endpoint.close();
    throw error;
  }
}

/** Throws `not_found` if the home has no data to move. */
export function checkHasData(home: string): void {
  const { database } = paths(home);
  if (existsSync(database)) return;
  throw new CctError("not_found", `There is no ${database}: nothing to move.`, "Is it the right home? See: cct config");
}

/** Takes the lock that the home's broker would hold, whatever its database. Returns a function that releases it. */
export async function lockHome(home: string): Promise<() => Promise<void>> {
  const lock = await openLocked(home, paths(home).lock, "moved");
  return lock.close;
}

async function openFile(world: World, home: string): Promise<Endpoint> {
  const { database } = paths(home);
  const store = await openLocked(home, database, "moved");
  return {
    store,
    name: database,
    now: async () => world.now(),
    // The file is locked.
    async checkUnused() {},
    async checkTexts() {
      for (const table of tables) {
        const key = await store.read((sql) => keyWithNul(sql, table));
        if (!key) continue;
        throw new CctError(
          "conflict",
          `A text in ${table.name} ${JSON.stringify(key)} contains a NUL character, which PostgreSQL cannot store. CCT does not write such texts. Nothing was moved.`,
          `Remove it from ${database}, then repeat this.`,
        );
      }
    },
    async analyze() {},
    close: store.close,
  };
}

/** Opens an SQLite file of the home. Throws `conflict` while the broker has it: its data cannot be `moved`, for example. */
export async function openLocked(home: string, file: string, done: string): Promise<Store> {
  try {
    return await openSqlite(file);
  } catch (error) {
    if (!(error instanceof CctError) || error.code !== "conflict") throw error;
    const broker = readBrokerFile(home);
    // A killed broker leaves its file behind.
    const runs = broker !== undefined && stillRuns(broker.pid, broker.began);
    throw new CctError(
      "conflict",
      runs
        ? `The broker of ${home} is running (process ${broker.pid}), so its data cannot be ${done}.`
        : `Another process has locked ${file}: a broker that is starting or stopping, or another command.`,
      runs ? "Stop it with: cct kill. Then repeat this." : "Wait until it has finished, then repeat this.",
    );
  }
}

async function openShared(world: World, { database_url: url, database_pool: pool }: Config): Promise<Endpoint> {
  if (url === undefined)
    throw new CctError(
      "bad_request",
      "No PostgreSQL database is configured.",
      `Set database_url: cct config set database_url - (it reads the URL from standard input), CCT_DATABASE_URL, or --url-file <file>.`,
    );
  const { openPostgres, databaseName, requireOwnConnections } = await import("../store/drivers/postgres.ts");
  await requireOwnConnections(url);
  const store = openPostgres({ url, pool, random: world.random });
  const name = databaseName(url);
  const swept = (): Promise<number | undefined> => store.read((sql) => choreClaimedAt(sql, "sweep"));
  let before: { swept: number | undefined } | undefined;
  const check = async (): Promise<void> => {
    const seen = await swept();
    before ??= { swept: seen };
    if (seen !== before.swept)
      throw new CctError(
        "conflict",
        `A broker is using ${name}, so data cannot be moved.`,
        "Stop every broker that uses it, wherever it runs. Then repeat this.",
      );
  };
  return {
    store,
    name,
    now: store.time,
    async checkUnused() {
      const isFirst = !before;
      await check();
      if (!isFirst || before?.swept === undefined || (await store.time()) - before.swept > SWEPT_MS) return;
      // A broker swept recently. Has it stopped since, or will it sweep again?
      for (let i = 0; i < CHECKS; i++) {
        await sleep(CHECK_MS);
        await check();
      }
    },
    async checkTexts() {},
    async analyze() {
      // Until PostgreSQL gathers statistics by itself, it would scan whole tables to find a few rows.
      for (const table of tables) await store.read((sql) => sql(`ANALYZE ${table.name}`));
    },
    close: store.close,
  };
}
