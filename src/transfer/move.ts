/** Moves all data between the home's SQLite file and PostgreSQL, and verifies it by comparing checksums. */
import { createHash } from "node:crypto";
import type { Config } from "../platform/config.ts";
import { changeSettings } from "../platform/config-file.ts";
import { CctError } from "../platform/errors.ts";
import { prepareHome } from "../platform/home.ts";
import type { World } from "../platform/world.ts";
import type { Move, Moved, MovedTable } from "../rules/moves.ts";
import { ensureSourceId, incomingMoves, recordMove, requireNoUnfinishedMove } from "../store/moves.ts";
import { markUnindexed } from "../store/search.ts";
import type { Sql } from "../store/store.ts";
import { rowsAfter, tables } from "../store/tables.ts";
import { clearAll, copyAll, readAll } from "./copying.ts";
import { checkHasData, type Endpoint, lockHome, openEndpoint } from "./endpoints.ts";

/**
 * The target must be empty, or contain what an earlier run of the same move has written. Brokers refuse it from the first
 * row until everything has been compared. In the source, only the schema is migrated.
 */
export async function move(world: World, config: Config, how: Move): Promise<Moved> {
  if (how.from === "sqlite") checkHasData(config.home);
  prepareHome(config.home, world.user, true);
  const open: (() => Promise<void>)[] = [await lockHome(config.home)];
  try {
    const source = await openEndpoint(world, config, how.from);
    open.push(source.close);
    await source.store.read(requireNoUnfinishedMove);
    await source.checkTexts();
    const read = await readAll(source.store, how);
    if (how.dryRun) return { from: source.name, to: how.to, tables: read };
    const target = await openEndpoint(world, config, how.to);
    open.push(target.close);
    await copyAndCompare(world, source, target, read, how);
    if (how.use) await configureTarget(world, config, how);
    return { from: source.name, to: target.name, tables: read };
  } finally {
    for (const close of open.reverse()) await close();
  }
}

async function copyAndCompare(
  world: World,
  source: Endpoint,
  target: Endpoint,
  read: MovedTable[],
  how: Move,
): Promise<void> {
  const now = await source.now();
  const source_id = await source.store.tx((sql) => ensureSourceId(sql, world.newId(), now));
  const digest = createHash("sha256").update(JSON.stringify(read)).digest("hex");
  const rows = read.reduce((sum, table) => sum + table.rows, 0);
  const at = await target.now();
  const note = (state: "running" | "done", of: string): Promise<void> =>
    target.store.tx((sql) => recordMove(sql, { source_id, state, digest: of, at }));

  if ((await target.store.exclusiveTx((sql) => claim(sql, target.name, source_id, digest, at))) === "other rows") {
    await clearAll(target.store, how);
    await note("running", digest);
  }
  await copyAll(source.store, target.store, how, rows);
  // Its broker makes the index of words.
  await target.store.tx(markUnindexed);
  const written = await readAll(target.store, how, rows);
  const wrong = written.filter((table, i) => table.rows !== read[i]?.rows || table.checksum !== read[i]?.checksum);
  if (wrong.length > 0) {
    await note("running", "");
    throw new CctError(
      "store_failed",
      `${wrong.map(({ name }) => name).join(", ")}: different in ${source.name} and ${target.name}. Brokers refuse the latter.`,
      "Is a broker running there? Stop all of them, then repeat this: it starts over.",
    );
  }
  await source.checkUnused();
  await target.checkUnused();
  await target.analyze();
  await note("done", digest);
}

/**
 * Reserves the target for this move. Returns `other rows` if it contains rows that must be deleted first: they come from an
 * earlier run whose source was different, or whose comparison failed.
 */
async function claim(
  sql: Sql,
  name: string,
  source_id: string,
  digest: string,
  at: number,
): Promise<"other rows" | "ok"> {
  const moves = await incomingMoves(sql);
  const earlier = moves.find((one) => one.source_id === source_id);
  if (earlier?.state === "done")
    throw new CctError(
      "conflict",
      `This data was already moved to ${name} and verified, at ${new Date(earlier.at).toISOString().slice(0, 19)}Z. Nothing was changed.`,
      "Set database_url and start a broker: cct start",
    );
  if (earlier) return earlier.digest === digest ? "ok" : "other rows";
  const holds = await firstWithRows(sql);
  if (moves.some(({ state }) => state === "running") || holds !== undefined)
    throw new CctError(
      "conflict",
      holds === undefined
        ? `Another move into ${name} is not finished. Nothing was changed.`
        : `${name} already contains other data (${holds}). Nothing was changed.`,
      "Use a new, empty database.",
    );
  await recordMove(sql, { source_id, state: "running", digest, at });
  return "ok";
}

async function firstWithRows(sql: Sql): Promise<string | undefined> {
  for (const table of tables) if ((await rowsAfter(sql, table, undefined, 1)).length > 0) return table.name;
  return undefined;
}

/** Called while the home is still locked: otherwise a session could start a broker on the old database. */
async function configureTarget(world: World, { home, database_url }: Config, { to }: Move): Promise<void> {
  await changeSettings(world, home, { database_url: to === "postgres" ? database_url : undefined });
}
