/** Compares the list of tables in the code with the schema that the migrations create. */
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { migrate, readMigrations } from "../../src/store/migrate.ts";
import { tables } from "../../src/store/tables.ts";
import { root, tempFolder } from "../support/folders.ts";

/** Tables that stay with a database: schema version, boots, chores of brokers, their listening time, retention cursors, moves. */
const ownTables = ["indexed_part", "schema_migrations", "boots", "chores", "clearings", "listening", "moves"];

test("every table is either moved or stays with its database; keys, order and width suit a move", async () => {
  const store = await openSqlite(join(tempFolder(), "cct.db"));
  onTestFinished(() => store.close());
  await migrate(store, await readMigrations(join(root, "migrations")), 1);
  await store.tx(async (sql) => {
    const made = await sql("SELECT name FROM sqlite_master WHERE type = 'table'");
    const named = [
      // The index of words is made from messages.
      ...["", "_config", "_data", "_docsize", "_idx"].map((part) => `message_words${part}`),
      ...tables.map(({ name }) => name),
      ...ownTables,
    ];
    expect(named.toSorted()).toEqual(made.map(({ name }) => name).toSorted());
    for (const [i, { name, key }] of tables.entries()) {
      const columns = await sql(`SELECT name, type, pk FROM pragma_table_info('${name}') ORDER BY pk`);
      const ofKey = columns.filter(({ pk }) => pk !== 0);
      expect({ name, key }).toEqual({ name, key: ofKey.map((column) => column.name) });
      // Text has the same order in all databases.
      expect(ofKey.every(({ type }) => type === "TEXT")).toBe(true);
      // 500 rows fit into one SQLite statement.
      expect(columns.length * 500).toBeLessThanOrEqual(32_766);
      const before = tables.slice(0, i).map((table) => table.name);
      for (const reference of await sql(`SELECT * FROM pragma_foreign_key_list('${name}')`))
        expect(before).toContain(reference.table);
    }
  });
});
