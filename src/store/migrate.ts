/** Brings a database to this program's schema, one numbered file after the other, each in its own transaction. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { CctError } from "../platform/errors.ts";
import { integer } from "./row.ts";
import type { Sql, Store } from "./store.ts";

export interface Migration {
  version: number;
  name: string;
  sql: string;
  /** A program that does not know it must not go on with the schema. Its file says so: `-- breaking` on a line of its own. */
  breaking: boolean;
}

/** Reads `0001_name.sql`, `0002_…` from a folder; they must be numbered without a gap. */
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

/** The first migration after which the database itself knows which ones break older programs. Until then, each does. */
const KNOWS_BREAKING = 7;

/**
 * Applies what is missing and answers with the schema's version. A database that a newer program has changed is left as it
 * is: used when older programs may go on with it, refused (`conflict`) when not.
 */
export async function migrate(store: Store, migrations: readonly Migration[], now: number): Promise<number> {
  const newest = migrations.length;
  for (;;) {
    const version = await store.txAlone(async (sql) => {
      await sql(
        "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)",
      );
      const [row] = await sql("SELECT coalesce(max(version), 0) AS version FROM schema_migrations");
      const current = row ? integer(row, "version") : 0;
      if (current > newest) await refuseBreaking(sql, current, newest);
      const next = migrations[current];
      if (!next) return current;
      for (const statement of split(next.sql)) await sql(statement);
      await sql(
        "INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)",
        next.version,
        next.name,
        now,
      );
      if (next.breaking) await sql("UPDATE schema_migrations SET breaking = 1 WHERE version = $1", next.version);
      return next.version;
    });
    if (version >= newest) return version;
  }
}

async function refuseBreaking(sql: Sql, current: number, newest: number): Promise<void> {
  const breaks =
    newest < KNOWS_BREAKING ||
    (await sql("SELECT version FROM schema_migrations WHERE version > $1 AND breaking = 1", newest)).length > 0;
  if (!breaks) return;
  throw new CctError(
    "conflict",
    `The database has schema ${current}; this program knows ${newest} at most, and cannot go on with it. Nothing was changed.`,
    "Use the newer CCT that wrote it.",
  );
}

/** Throws `conflict` when the schema has become one that this program must not use. */
export async function checkSchema(sql: Sql, newest: number): Promise<number> {
  const [row] = await sql("SELECT coalesce(max(version), 0) AS version FROM schema_migrations");
  const current = row ? integer(row, "version") : 0;
  if (current > newest) await refuseBreaking(sql, current, newest);
  return current;
}

/** The statements of a file: our migrations hold no `;` inside of one. */
function split(sql: string): string[] {
  return sql
    .replace(/^\s*--.*$/gm, "")
    .split(";")
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}
