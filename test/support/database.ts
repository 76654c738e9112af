/** The database of a test's broker: the home's own file, or, with `CCT_TEST_STORE=postgres`, one of its own on a real server. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { openPostgres } from "../../src/store/drivers/postgres.ts";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import { tempFolder } from "./folders.ts";
import { postgresBinaries, urlOf } from "./postgres-server.ts";

const { CCT_TEST_POSTGRES_PORT: port } = process.env;

/** Whether brokers of this run have a PostgreSQL, so that what only their own file shows cannot be asked. */
export const onPostgres = port !== undefined;

/** A new database's URL. */
function newDatabase(): string {
  const name = `test_${randomBytes(8).toString("hex")}`;
  const args = ["-h", "127.0.0.1", "-p", String(port), "-U", "cct", "-d", "postgres", "-qc", `CREATE DATABASE ${name}`];
  execFileSync(join(postgresBinaries(), "psql"), args);
  return urlOf(Number(port), name);
}

const byHome = new Map<string, string>();

/** What a broker's environment says of its database: the same each time that one is started for a home. */
export function databaseEnv(home: string): Record<string, string> {
  if (!onPostgres) return {};
  const url = byHome.get(home) ?? newDatabase();
  byHome.set(home, url);
  return { CCT_DATABASE_URL: url };
}

/** A store of a test's own. */
export async function newStore(): Promise<Store> {
  if (onPostgres) return openPostgres({ url: newDatabase(), pool: 10, random: Math.random });
  return openSqlite(join(tempFolder(), "cct.db"));
}

/** The names of a store's tables. */
export const TABLES = onPostgres
  ? "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name"
  : "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
