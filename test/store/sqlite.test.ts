import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { checkSchema, migrate, readMigrations } from "../../src/store/migrate.ts";
import { integer } from "../../src/store/row.ts";
import { builtForChild } from "../support/child.ts";
import { root, tempFolder } from "../support/folders.ts";
import { canMount, notRun, withOwnDisk } from "../support/not-run.ts";
import { type Running, run } from "../support/process.ts";
import { rejectedBy } from "../support/thrown.ts";
import { until } from "../support/wait.ts";
import { storeConformance } from "./conformance.ts";

const databaseFile = (): string => join(tempFolder(), "cct.db");

storeConformance(() => openSqlite(databaseFile()));

let childFile: string;
beforeAll(async () => {
  childFile = await builtForChild(join(root, "test/store/child.ts"));
});
const child = (...args: string[]): Running => run(process.execPath, [childFile, ...args]);

test("work is done in the order in which it was asked for, also within one commit", async () => {
  const store = await openSqlite(databaseFile());
  onTestFinished(() => store.close());
  const order: number[] = [];
  const numbers = Array.from({ length: 600 }, (_, i) => i);
  await Promise.all(
    numbers.map((i) =>
      store.tx(async (sql) => {
        await sql("SELECT 1 AS one");
        order.push(i);
      }),
    ),
  );
  expect(order).toEqual(numbers);
});

describe("a process that is killed while it writes", () => {
  test("has kept everything that it was told is done", async () => {
    const file = databaseFile();
    for (let round = 0; round < 3; round++) {
      const writer = child("write", `${file}-${round}`);
      await until("some writes", () => writer.stdout().split("\n").length > 100 * (round + 1));
      await writer.stop("SIGKILL");
      const told = writer.stdout().split("\n").slice(0, -1).map(Number);
      const store = await openSqlite(`${file}-${round}`);
      const kept = await store.tx((sql) => sql("SELECT id FROM written"));
      await store.close();
      const ids = new Set(kept.map((row) => integer(row, "id")));
      expect(told.filter((id) => !ids.has(id))).toEqual([]);
    }
  });

  test("leaves no lock behind", async () => {
    const file = databaseFile();
    const holder = child("hold", file);
    await until("the other process to open it", () => holder.stdout().includes("open"));
    await holder.stop("SIGKILL");
    const store = await openSqlite(file);
    await store.close();
  });
});

describe("one broker per file", () => {
  test("while another process has it open, it is refused, and the other one goes on", async () => {
    const file = databaseFile();
    const holder = child("hold", file);
    await until("the other process to open it", () => holder.stdout().includes("open"));
    const error = await rejectedBy(openSqlite(file));
    expect(error.code).toBe("conflict");
    expect(error.line).toContain(file);
    expect(holder.child.exitCode).toBeNull();
  });

  test("even within one process", async () => {
    const file = databaseFile();
    const first = await openSqlite(file);
    onTestFinished(() => first.close());
    expect((await rejectedBy(openSqlite(file))).code).toBe("conflict");
    await first.tx((sql) => sql("CREATE TABLE still_works (id TEXT PRIMARY KEY)"));
  });
});

describe("a file that is not a database", () => {
  const garbage: [string, Buffer][] = [
    ["plain text", Buffer.from("these are somebody's notes\n".repeat(500))],
    ["a short text", Buffer.from("hello")],
    [
      "the beginning of a database, then noise",
      Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(8192, 0xa5)]),
    ],
  ];

  test.each(garbage)("%s is refused and not touched", async (_, content) => {
    const file = databaseFile();
    writeFileSync(file, content);
    const error = await rejectedBy(openSqlite(file));
    expect(error.code).toBe("store_failed");
    expect(error.line).toContain(file);
    expect(error.hint).not.toBe("");
    expect(readFileSync(file).equals(content)).toBe(true);
  });

  test("a folder in its place is refused", async () => {
    const file = databaseFile();
    mkdirSync(file);
    expect((await rejectedBy(openSqlite(file))).code).toBe("store_failed");
    expect(statSync(file).isDirectory()).toBe(true);
  });

  test("a folder that does not exist is told as such, not as a crash", async () => {
    expect((await rejectedBy(openSqlite(join(tempFolder(), "nowhere/cct.db")))).code).toBe("store_failed");
  });
});

describe("a store that was closed", () => {
  async function used(): Promise<string> {
    const file = databaseFile();
    const store = await openSqlite(file);
    await store.tx(async (sql) => {
      await sql("CREATE TABLE kept (id TEXT PRIMARY KEY)");
      await sql("INSERT INTO kept (id) VALUES ('here')");
    });
    await store.close();
    return file;
  }

  test("lets go of its file, with all that is in it", async () => {
    const store = await openSqlite(await used());
    onTestFinished(() => store.close());
    expect(await store.tx((sql) => sql("SELECT id FROM kept"))).toEqual([{ id: "here" }]);
  });

  test("has everything in the one file, so that a copy of it is a backup", async () => {
    const file = await used();
    const copy = `${file}.copy`;
    cpSync(file, copy);
    const store = await openSqlite(copy);
    onTestFinished(() => store.close());
    expect(await store.tx((sql) => sql("SELECT name FROM sqlite_master"))).toContainEqual({ name: "kept" });
  });
});

describe("the schema", () => {
  const migrations = readMigrations(join(root, "migrations"));

  test("is made once, however often the program starts", async () => {
    const store = await openSqlite(databaseFile());
    onTestFinished(() => store.close());
    const all = await migrations;
    for (let start = 0; start < 3; start++) expect(await migrate(store, all, 1000 + start)).toBe(all.length);
    const applied = await store.tx((sql) => sql("SELECT version, applied_at FROM schema_migrations ORDER BY version"));
    expect(applied).toEqual(all.map((one) => ({ version: one.version, applied_at: 1000 })));
  });

  test("that is older is brought up to date, and what is stored stays", async () => {
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
      version: all.length + 1,
      name: "next.sql",
      sql: "ALTER TABLE messages ADD COLUMN later TEXT;",
      breaking: false,
    };
    expect(await migrate(store, [...all, next], 2)).toBe(all.length + 1);
    expect(await store.tx((sql) => sql("SELECT text, later FROM messages"))).toEqual([{ text: "kept", later: null }]);
  });

  test("of a newer program that older ones may go on with is used as it is", async () => {
    const store = await openSqlite(databaseFile());
    onTestFinished(() => store.close());
    const all = await migrations;
    const newer = { version: all.length + 1, name: "newer.sql", sql: "CREATE TABLE newer (id TEXT)", breaking: false };
    await migrate(store, [...all, newer], 1);
    expect(await migrate(store, all, 2)).toBe(all.length + 1);
    expect(await store.read((sql) => checkSchema(sql, all.length))).toBe(all.length + 1);
  });

  test("of a newer program that it does not go with is refused, and stays as it is", async () => {
    const file = databaseFile();
    const store = await openSqlite(file);
    onTestFinished(() => store.close());
    const all = await migrations;
    const newer = {
      version: all.length + 1,
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
    expect(error.message).toContain(String(all.length + 1));
    expect(await dump()).toEqual(before);
  });

  test("that fails halfway is as it was before", async () => {
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
    expect(await migrate(store, await migrations, 2)).toBe((await migrations).length);
  });

  test("is numbered without a gap", async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, "0001_one.sql"), "");
    writeFileSync(join(folder, "0003_three.sql"), "");
    expect((await rejectedBy(readMigrations(folder))).message).toContain("0003_three.sql");
  });
});

const FULL = "on a full disk a write is refused as such, nothing is lost, and it goes on once there is space";

test.skipIf(!canMount() && notRun(FULL, "needs Linux, root and mount namespaces"))(FULL, async () => {
  const folder = tempFolder();
  const script = '"$0" "$1" fill "$2" && "$0" "$1" count "$2"';
  const command = ["sh", "-c", script, process.execPath, childFile, join(folder, "cct.db")];
  const filling = run(...withOwnDisk(folder, "2m", command));
  expect(await filling.exited, filling.stderr()).toEqual({ code: 0, signal: null });
  const [report = "", countAfterwards] = filling.stdout().split("\n");
  expect(JSON.parse(report)).toEqual({
    alone: "store_full",
    together: ["store_full", "store_full", "store_full"],
    whileFull: 20,
    after: "done",
    check: { integrity_check: "ok" },
  });
  expect(countAfterwards).toBe("21");
});
