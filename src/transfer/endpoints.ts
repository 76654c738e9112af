/** The two ends of a move: databases that no broker works with meanwhile. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../platform/config.ts";
import { CctError } from "../platform/errors.ts";
import { paths, readBrokerNote } from "../platform/home.ts";
import { stillRuns } from "../platform/process.ts";
import type { World } from "../platform/world.ts";
import type { StoreKind } from "../rules/moves.ts";
import { choreTaken } from "../store/chores.ts";
import { openSqlite } from "../store/drivers/sqlite.ts";
import { migrate, readMigrations } from "../store/migrate.ts";
import type { Store } from "../store/store.ts";
import { keyWithNul, tables } from "../store/tables.ts";

/** A broker that serves a database has swept it within so long, and sweeps it again within a part of that. */
const SWEPT_MS = 10_000;
const LOOK_AGAIN_MS = 500;
const LOOKS = 12;

export interface End {
  store: Store;
  /** Where it is, for people. */
  name: string;
  now(): Promise<number>;
  /** Throws `conflict` when a broker has worked here since the end was opened. */
  checkAlone(): Promise<void>;
  /** Throws `conflict` when there is something that another kind of database cannot hold. */
  checkTexts(): Promise<void>;
  /** After much was written. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a database and brings it to this program's schema. Throws when a broker works with it. */
export async function openEnd(world: World, config: Config, kind: StoreKind): Promise<End> {
  const end = await (kind === "sqlite" ? ofHome(world, config.home) : shared(world, config));
  try {
    const migrations = await readMigrations(join(world.root, "migrations"));
    const schema = await migrate(end.store, migrations, await end.now());
    if (schema > migrations.length)
      throw new CctError(
        "conflict",
        `${end.name} has schema ${schema}, and this program knows only what ${migrations.length} holds. Nothing was moved.`,
        "Use the newer CCT that wrote it.",
      );
    await end.checkAlone();
    return end;
  } catch (error) {
    await end.close();
    throw error;
  }
}

/** Throws when the home has no data that could go anywhere. */
export function checkHasData(home: string): void {
  const { database } = paths(home);
  if (existsSync(database)) return;
  throw new CctError("not_found", `There is no ${database}: nothing to move.`, "Is it the right home? See: cct config");
}

/** Takes the lock that a broker of the home holds, whatever database it works with; answers with what gives it back. */
export async function holdHome(home: string): Promise<() => Promise<void>> {
  const lock = await openHeld(home, paths(home).lock);
  return lock.close;
}

async function ofHome(world: World, home: string): Promise<End> {
  const { database } = paths(home);
  const store = await openHeld(home, database);
  return {
    store,
    name: database,
    now: async () => world.now(),
    // The file is locked.
    async checkAlone() {},
    async checkTexts() {
      for (const table of tables) {
        const key = await store.look((sql) => keyWithNul(sql, table));
        if (!key) continue;
        throw new CctError(
          "conflict",
          `A text of ${table.name} ${JSON.stringify(key)} holds a NUL character: PostgreSQL cannot store that, and CCT never took one. Nothing was moved.`,
          `Take it out of ${database}, then repeat this.`,
        );
      }
    },
    async settle() {},
    close: store.close,
  };
}

async function openHeld(home: string, file: string): Promise<Store> {
  try {
    return await openSqlite(file);
  } catch (error) {
    if (!(error instanceof CctError) || error.code !== "conflict") throw error;
    const note = readBrokerNote(home);
    // A note stays behind when its broker is killed.
    const runs = note !== undefined && stillRuns(note.pid, note.began);
    throw new CctError(
      "conflict",
      runs
        ? `The broker of ${home} runs (process ${note.pid}): its data cannot be moved meanwhile.`
        : `Another process holds ${file}: a broker that starts or ends, or another move.`,
      runs ? "Stop it with: cct kill. Then repeat this." : "Wait for its end, then repeat this.",
    );
  }
}

async function shared(world: World, { database_url: url, database_pool: pool }: Config): Promise<End> {
  if (url === undefined)
    throw new CctError(
      "bad_request",
      "Which PostgreSQL is not said.",
      `Set database_url: cct config set database_url - (it reads the URL from standard input), CCT_DATABASE_URL, or --url-file <file>.`,
    );
  const { openPostgres, databaseName } = await import("../store/drivers/postgres.ts");
  const store = openPostgres({ url, pool, random: world.random });
  const name = databaseName(url);
  const swept = (): Promise<number | undefined> => store.look((sql) => choreTaken(sql, "sweep"));
  let before: { swept: number | undefined } | undefined;
  const check = async (): Promise<void> => {
    const seen = await swept();
    before ??= { swept: seen };
    if (seen !== before.swept)
      throw new CctError(
        "conflict",
        `A broker works with ${name}: data cannot be moved meanwhile.`,
        "Stop every broker that uses it, wherever it runs. Then repeat this.",
      );
  };
  return {
    store,
    name,
    now: store.time,
    async checkAlone() {
      const isFirst = !before;
      await check();
      if (!isFirst || before?.swept === undefined || (await store.time()) - before.swept > SWEPT_MS) return;
      // Has it ended just now, or does it go on?
      for (let looks = 0; looks < LOOKS; looks++) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
        await check();
      }
    },
    async checkTexts() {},
    async settle() {
      // Without statistics it reads whole tables to find a few rows, until it has gathered some by itself.
      for (const table of tables) await store.look((sql) => sql(`ANALYZE ${table.name}`));
    },
    close: store.close,
  };
}
