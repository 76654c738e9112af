/** Writes a checked copy of the home's SQLite file. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../platform/config.ts";
import { CctError, systemCode } from "../platform/errors.ts";
import { paths, prepareHome, requireNoUnfinishedRestore } from "../platform/home.ts";
import type { World } from "../platform/world.ts";
import { openSqlite } from "../store/drivers/sqlite.ts";
import { checkSchema, newestOf, readMigrations } from "../store/migrate.ts";
import { checkHasData, openLocked } from "./endpoints.ts";

/** Returns the size of the copy. `source`: the copy that the running broker makes; without it no broker may run. */
export async function backUp(
  world: World,
  config: Config,
  file: string,
  source: AsyncIterable<Uint8Array> | undefined,
): Promise<number> {
  if (config.database_url !== undefined) throw notSqlite("Back it up with pg_dump");
  if (existsSync(file)) throw new CctError("conflict", `${file} exists.`, "Choose another name, or remove it.");
  const part = `${file}.part`;
  try {
    await (source ? write(part, source) : copyOwn(world, config, part));
    await checkedSchema(world, part);
    renameSync(part, file);
    return statSync(file).size;
  } catch (error) {
    rmSync(part, { force: true });
    if (systemCode(error) === undefined) throw error;
    throw new CctError("store_failed", `${file} cannot be written (${systemCode(error)}).`, "Nothing was left there.");
  }
}

async function copyOwn(world: World, { home }: Config, part: string): Promise<void> {
  checkHasData(home);
  prepareHome(home, world.user, true);
  const store = await openLocked(home, paths(home).database, "copied");
  try {
    const snapshot = await store.snapshot?.();
    if (snapshot) await write(part, snapshot.chunks());
  } finally {
    await store.close();
  }
}

/** Opens the home's database, if there is one, as a broker would. Throws what prevents it. */
export async function checkDatabase({ home, database_url }: Config): Promise<void> {
  const { database } = paths(home);
  if (database_url !== undefined || !existsSync(database)) return;
  requireNoUnfinishedRestore(home);
  await (await openLocked(home, database, "checked")).close();
}

/** Writes a new file, to the disk. */
export async function write(file: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  // Fails if it exists: it follows no link.
  const target = openSync(file, "wx", 0o600);
  try {
    for await (const chunk of chunks) for (let at = 0; at < chunk.length; ) at += writeSync(target, chunk, at);
    fsyncSync(target);
  } finally {
    closeSync(target);
  }
}

/** Opens a copy and reads all of it. Returns its schema version. Throws `store_failed` when it is damaged or not CCT's. */
export async function checkedSchema(world: World, copy: string): Promise<number> {
  const newest = newestOf(await readMigrations(join(world.root, "migrations")));
  const store = await openSqlite(copy);
  try {
    return await store.tx(async (sql) => {
      const [row] = await sql("PRAGMA quick_check(1)");
      if (row?.quick_check !== "ok")
        throw new CctError(
          "store_failed",
          `The copy is damaged (${row?.quick_check}).`,
          "Use an earlier backup; a copy of a damaged database is damaged too.",
        );
      const [found] = await sql("SELECT count(*) AS n FROM sqlite_master WHERE name = 'schema_migrations'");
      if (found?.n !== 1)
        throw new CctError("store_failed", "The file is not a database of CCT.", "Is it the right file?");
      return checkSchema(sql, newest);
    });
  } finally {
    await store.close();
  }
}

export const notSqlite = (what: string): CctError =>
  new CctError("conflict", "The database of this home is PostgreSQL.", `${what}: docs/backup-and-restore.md.`);
