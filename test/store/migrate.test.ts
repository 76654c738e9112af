import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { checkSchema, migrate, newestOf, readMigrations } from "../../src/store/migrate.ts";
import { root, tempFolder } from "../support/folders.ts";
import { rejectedBy } from "../support/thrown.ts";

const databaseFile = (): string => join(tempFolder(), "cct.db");

describe("the schema", () => {
  const migrations = readMigrations(join(root, "migrations"));

  test("is created once, however often the program starts", async () => {
    const store = await openSqlite(databaseFile());
    onTestFinished(() => store.close());
    const all = await migrations;
    for (let start = 0; start < 3; start++) expect(await migrate(store, all, 1000 + start)).toBe(newestOf(all));
    const applied = await store.tx((sql) => sql("SELECT version, applied_at FROM schema_migrations ORDER BY version"));
    expect(applied).toEqual(all.map((one) => ({ version: one.version, applied_at: 1000 })));
  });

  test("of an older version is migrated, and stored data stays", async () => {
    const store = await openSqlite(databaseFile());
    onTestFinished(() => store.close());
    const all = await migrations;
    await migrate(store, all, 1);
    await store.tx((sql) =>
      sql(
        "INSERT INTO messages (message_id, seq, from_id, from_name, to_address, thread_id, urgency, text, sent_at, hops, answer) VALUES ('m', 1, 'p', 'p', 'q', 't', 'low', 'kept', 1, 0, '{}')",
      ),
    );
    const next = {
      version: newestOf(all) + 1,
      name: "next.sql",
      sql: "ALTER TABLE messages ADD COLUMN later TEXT;",
      breaking: false,
    };
    expect(await migrate(store, [...all, next], 2)).toBe(newestOf(all) + 1);
    expect(await store.tx((sql) => sql("SELECT text, later FROM messages"))).toEqual([{ text: "kept", later: null }]);
  });

  test("of another program is refused in words, and not changed", async () => {
    const store = await openSqlite(databaseFile());
    onTestFinished(() => store.close());
    await store.tx((sql) => sql("CREATE TABLE peers (theirs TEXT)"));
    await expect(migrate(store, await migrations, 1)).rejects.toThrow(
      /0001_peers_and_messages.sql cannot be applied: .*already exists/,
    );
    expect(await store.tx((sql) => sql("SELECT name FROM sqlite_master"))).toEqual([{ name: "peers" }]);
  });

  test("of a newer program without breaking migrations is used unchanged", async () => {
    const store = await openSqlite(databaseFile());
    onTestFinished(() => store.close());
    const all = await migrations;
    const newer = {
      version: newestOf(all) + 1,
      name: "newer.sql",
      sql: "CREATE TABLE newer (id TEXT)",
      breaking: false,
    };
    await migrate(store, [...all, newer], 1);
    expect(await migrate(store, all, 2)).toBe(newestOf(all) + 1);
    expect(await store.read((sql) => checkSchema(sql, newestOf(all)))).toBe(newestOf(all) + 1);
  });

  test("of a newer program with a breaking migration is rejected and not changed", async () => {
    const file = databaseFile();
    const store = await openSqlite(file);
    onTestFinished(() => store.close());
    const all = await migrations;
    const newer = {
      version: newestOf(all) + 1,
      name: "9999_newer.sql",
      sql: "CREATE TABLE newer (id TEXT PRIMARY KEY)",
      breaking: true,
    };
    await migrate(store, [...all, newer], 1);
    const dump = (): Promise<unknown> =>
      store.tx(async (sql) => [
        await sql("SELECT name, sql FROM sqlite_master ORDER BY name"),
        await sql("SELECT * FROM schema_migrations ORDER BY version"),
      ]);
    const before = await dump();
    const error = await rejectedBy(migrate(store, all, 2));
    expect(error.code).toBe("conflict");
    expect(error.message).toContain(String(newestOf(all) + 1));
    expect(await dump()).toEqual(before);
  });

  test("stays unchanged when a migration fails halfway", async () => {
    const store = await openSqlite(databaseFile());
    onTestFinished(() => store.close());
    const half = {
      version: 1,
      name: "0001_half.sql",
      sql: "CREATE TABLE half (id TEXT PRIMARY KEY); this is no SQL;",
      breaking: false,
    };
    await expect(migrate(store, [half], 1)).rejects.toThrow();
    expect(await store.tx((sql) => sql("SELECT name FROM sqlite_master WHERE name = 'half'"))).toEqual([]);
    expect(await migrate(store, await migrations, 2)).toBe(newestOf(await migrations));
  });

  test.each([
    ["a gap", "0003_two.sql"],
    ["the same number twice", "0001_two.sql"],
  ])("is refused with %s in its migrations", async (_what, second) => {
    const folder = tempFolder();
    for (const name of ["0001_one.sql", second]) writeFileSync(join(folder, name), "");
    expect((await rejectedBy(readMigrations(folder))).message).toContain(second);
  });
});
