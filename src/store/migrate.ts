/** Schema migrations: applies numbered SQL files in order, each in its own transaction. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { CctError, errorLine } from "../platform/errors.ts";
import { integer } from "./row.ts";
import type { Sql, Store } from "./store.ts";

export interface Migration {
  version: number;
  name: string;
  sql: string;
  /** Older programs must not use the schema after it. Marked by a line `-- breaking` in the file. */
  breaking: boolean;
}

/** Reads `0001_name.sql`, `0002_…` from a folder. Throws `internal` when the numbers have a gap. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}_.+\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name, i) => {
      const version = Number(name.slice(0, 4));
      if (version !== i + 1) throw new CctError("internal", `migrations/${name} is out of order.`);
      const sql = await readFile(join(folder, name), "utf8");
      return { version, name, sql, breaking: /^-- breaking$/m.test(sql) };
    }),
  );
}

/** The schema that these migrations lead to. */
export const newestOf = (migrations: readonly Migration[]): number => migrations.at(-1)?.version ?? 0;

/** From this migration on, the database records which migrations are breaking. Earlier ones all count as breaking. */
const KNOWS_BREAKING = 7;

/**
 * Applies the missing migrations and returns the schema version. In a migration `$1` is `now`. A newer schema is left
 * unchanged; throws `conflict` when one of its migrations is breaking.
 */
export async function migrate(store: Store, migrations: readonly Migration[], now: number): Promise<number> {
  const newest = newestOf(migrations);
  let applied: Migration | undefined;
  try {
    for (;;) {
      const version = await store.exclusiveTx((sql) =>
        applyNext(sql, migrations, now, (next) => {
          applied = next;
        }),
      );
      if (version >= newest) return version;
    }
  } catch (error) {
    throw applied ? schemaError(error, applied) : error;
  }
}

/** Applies the next migration and returns the schema version. Calls `tell` with it first. */
async function applyNext(
  sql: Sql,
  migrations: readonly Migration[],
  now: number,
  tell: (next: Migration) => void,
): Promise<number> {
  await sql(
    "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)",
  );
  const [row] = await sql("SELECT coalesce(max(version), 0) AS version FROM schema_migrations");
  const current = row ? integer(row, "version") : 0;
  if (current > newestOf(migrations)) await refuseBreaking(sql, current, newestOf(migrations));
  const next = migrations.find((one) => one.version > current);
  if (!next) return current;
  tell(next);
  for (const statement of split(next.sql)) await sql(statement, now);
  await sql(
    "INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)",
    next.version,
    next.name,
    now,
  );
  if (next.breaking) await sql("UPDATE schema_migrations SET breaking = 1 WHERE version = $1", next.version);
  return next.version;
}

/** An error of the SQL itself means that the schema is not what the migration expects. */
function schemaError(error: unknown, applied: Migration): unknown {
  if (error instanceof CctError) return error;
  return new CctError(
    "store_failed",
    `migrations/${applied.name} cannot be applied: ${errorLine(error)}. The database is as it was before it.`,
    "Its schema is not CCT's: use an empty database, or restore a backup (cct restore <file>).",
  );
}

async function refuseBreaking(sql: Sql, current: number, newest: number): Promise<void> {
  const breaks =
    newest < KNOWS_BREAKING ||
    (await sql("SELECT version FROM schema_migrations WHERE version > $1 AND breaking = 1", newest)).length > 0;
  if (!breaks) return;
  throw new CctError(
    "conflict",
    `The database has schema ${current}; this program supports up to ${newest}. Nothing was changed.`,
    "Use the newer version of CCT that wrote it.",
  );
}

/** Returns the current schema version. Throws `conflict` when this program must not use it. */
export async function checkSchema(sql: Sql, newest: number): Promise<number> {
  const [row] = await sql("SELECT coalesce(max(version), 0) AS version FROM schema_migrations");
  const current = row ? integer(row, "version") : 0;
  if (current > newest) await refuseBreaking(sql, current, newest);
  return current;
}

/** Splits a file into statements. Our migrations never contain `;` within a statement. */
function split(sql: string): string[] {
  return sql
    .replace(/^\s*--.*$/gm, "")
    .split(";")
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}
