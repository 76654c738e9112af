/** Sources and targets of `cct migrate`. */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { openPostgres } from "../../src/store/drivers/postgres.ts";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { migrate, readMigrations } from "../../src/store/migrate.ts";
import type { Sql, Store } from "../../src/store/store.ts";
import { startBroker, type TestBroker } from "../support/broker.ts";
import { type CctRun, cct } from "../support/cct.ts";
import { root } from "../support/folders.ts";
import type { TestPostgres } from "../support/postgres.ts";

export const THERE = ["migrate", "--from", "sqlite", "--to", "postgres"];
export const BACK = ["migrate", "--from", "postgres", "--to", "sqlite"];

export const surroundings = (home: string, url = ""): Record<string, string> => ({
  HOME: dirname(home),
  CCT_HOME: home,
  CCT_PORT: "0",
  CCT_DATABASE_URL: url,
});
/** Runs `cct migrate` to its end. */
export const migrated = (home: string, url: string, args: string[] = THERE): Promise<CctRun> =>
  cct(args, { env: { PATH: process.env.PATH, ...surroundings(home, url) } });
/** A broker on the home's own file or the database of its configuration, also in a run with CCT_TEST_STORE. */
export const brokerOf = (home: string, url = "", more: Record<string, string> = {}): Promise<TestBroker> =>
  startBroker({ home, env: { CCT_DATABASE_URL: url, ...more } });
/** For a broker that lets nothing lapse: it does not believe its clock while a test lasts. */
export const PATIENT = { CCT_CLOCK_CONFIRM_SECONDS: "86400" };

async function withSchema(store: Store): Promise<Store> {
  await migrate(store, await readMigrations(join(root, "migrations")), 1);
  return store;
}

/** A PostgreSQL database with all tables and no data. */
export async function databaseWithSchema(server: TestPostgres): Promise<string> {
  const url = await server.database();
  const store = await withSchema(openPostgres({ url, pool: 1, random: Math.random }));
  await store.close();
  return url;
}

/** Creates the SQLite file of a home if there is none, and runs `work` in it. */
export async function inFile(home: string, work: (sql: Sql) => Promise<unknown>): Promise<void> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const store = await withSchema(await openSqlite(join(home, "cct.db")));
  await store.tx(work);
  await store.close();
}
