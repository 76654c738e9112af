/**
 * Puts a backup in place of the home's SQLite file. The log (`-wal`) of the replaced database goes with it: SQLite would
 * apply it to the backup.
 */
import { createReadStream, existsSync, renameSync, rmSync, statSync } from "node:fs";
import type { Config } from "../platform/config.ts";
import { CctError, systemCode } from "../platform/errors.ts";
import { paths, prepareHome, readBrokerFile } from "../platform/home.ts";
import { stillRuns } from "../platform/process.ts";
import type { World } from "../platform/world.ts";
import type { Restored } from "../rules/restored.ts";
import { openSqlite } from "../store/drivers/sqlite.ts";
import { endBoot, markPerhapsSeen } from "../store/power-cut.ts";
import { StoreFault } from "../store/store.ts";
import { checkedSchema, notSqlite, write } from "./backup.ts";
import { openLocked } from "./endpoints.ts";

/** SQLite's log, and the file that says which database it belongs to. */
const COMPANIONS = ["-wal", "-mark"];
/** The migration since which deliveries count lost claims. */
const COUNTS_LOST = 4;
/** The migration since which a database notes the boot of the machine that has it open. */
const NOTES_BOOTS = 22;

/** Throws `conflict` while the broker runs. An interrupted restore can be repeated; until then no broker starts. */
export async function restore(world: World, { home, database_url }: Config, file: string): Promise<Restored> {
  if (database_url !== undefined) throw notSqlite("Restore it with pg_restore");
  prepareHome(home, world.user, true);
  const { database, restoring } = paths(home);
  const copy = `${database}.new`;
  for (const rest of ["", ...COMPANIONS, "-journal"]) rmSync(copy + rest, { force: true });
  try {
    await copyBackup(file, copy);
    const schema = await checkedSchema(world, copy);
    if (schema >= COUNTS_LOST) await markMail(copy, schema);
    await requireUnused(home);
    // From here on no broker starts, until the last step.
    renameSync(copy, restoring);
    const kept = setAside(database, `${database}.replaced-${stamp(world.now())}`);
    const { size } = statSync(restoring);
    renameSync(restoring, database);
    return { kept, bytes: size, schema };
  } finally {
    for (const rest of ["", ...COMPANIONS]) rmSync(copy + rest, { force: true });
  }
}

/** Mail that waited when the backup was made may have been shown since. */
async function markMail(copy: string, schema: number): Promise<void> {
  const store = await openSqlite(copy);
  try {
    await store.tx(async (sql) => {
      await markPerhapsSeen(sql);
      // The backup of a running broker: its next start must not mark everything once more.
      if (schema >= NOTES_BOOTS) await endBoot(sql);
    });
  } finally {
    await store.close();
  }
}

async function copyBackup(file: string, copy: string): Promise<void> {
  try {
    await write(copy, createReadStream(file));
    // A copy of a home whose broker was killed.
    for (const rest of COMPANIONS) if (existsSync(file + rest)) await write(copy + rest, createReadStream(file + rest));
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT") throw new CctError("not_found", `There is no ${file}.`, "Name a file of cct backup.");
    throw new CctError("store_failed", `${file} cannot be copied into the home (${code}).`, "Nothing was changed.");
  }
}

/** Takes the broker's lock for a moment, which also puts the log into the database that is about to be replaced. */
async function requireUnused(home: string): Promise<void> {
  const { database } = paths(home);
  const broker = readBrokerFile(home);
  if (broker !== undefined && stillRuns(broker.pid, broker.began))
    throw new CctError("conflict", `The broker of ${home} is running (process ${broker.pid}).`, "Stop it: cct kill");
  if (!existsSync(database)) return;
  try {
    await (await openLocked(home, database, "replaced")).close();
  } catch (error) {
    // A database that cannot be opened is what is being replaced.
    const isUnusable = error instanceof StoreFault || (error instanceof CctError && error.code === "store_failed");
    if (!isUnusable) throw error;
  }
}

/** Renames the database and its log. Returns the new name, or `undefined` if there was none. */
function setAside(database: string, name: string): string | undefined {
  let kept: string | undefined;
  for (const rest of ["", ...COMPANIONS, "-shm"]) {
    if (!existsSync(database + rest)) continue;
    renameSync(database + rest, name + rest);
    kept = name;
  }
  return kept;
}

/** `20261126-041500`. */
const stamp = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
