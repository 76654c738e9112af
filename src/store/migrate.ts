/** Brings a database to this program's schema, one numbered file after the other, each in its own transaction. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { CctError } from "../errors.ts";
import { integer } from "./row.ts";
import type { Store } from "./store.ts";

export interface Migration {
  version: number;
  name: string;
  sql: string;
}

/** Reads `0001_name.sql`, `0002_…` from a folder; they must be numbered without a gap. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}_.+\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name, i) => {
      const version = Number(name.slice(0, 4));
      if (version !== i + 1) throw new CctError("internal", `migrations/${name} is out of order.`);
      return { version, name, sql: await readFile(join(folder, name), "utf8") };
    }),
  );
}

/** Applies what is missing and answers with the schema's version. A database newer than the program is refused, untouched. */
export async function migrate(store: Store, migrations: readonly Migration[], now: number): Promise<number> {
  const newest = migrations.length;
  for (;;) {
    const version = await store.txAlone(async (sql) => {
      await sql(
        "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)",
      );
      const [row] = await sql("SELECT coalesce(max(version), 0) AS version FROM schema_migrations");
      const current = row ? integer(row, "version") : 0;
      if (current > newest) {
        throw new CctError(
          "conflict",
          `The database has schema ${current}; this program knows ${newest} at most. Nothing was changed.`,
          "Use the newer CCT that wrote it.",
        );
      }
      const next = migrations[current];
      if (!next) return current;
      for (const statement of split(next.sql)) await sql(statement);
      await sql(
        "INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)",
        next.version,
        next.name,
        now,
      );
      return next.version;
    });
    if (version === newest) return version;
  }
}

/** The statements of a file: our migrations hold no `;` inside of one. */
function split(sql: string): string[] {
  return sql
    .replace(/^\s*--.*$/gm, "")
    .split(";")
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}
