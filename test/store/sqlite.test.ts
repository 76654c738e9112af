import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { CctError } from "../../src/platform/errors.ts";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
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

test("transactions run in the order of their calls, also within a group commit", async () => {
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

test("in a group commit, what fails is undone alone, before or after its writes, and the rest is stored once", async () => {
  const ends = ["succeeds", "fails first", "fails after a write", "survives an error of its SQL"] as const;
  const store = await openSqlite(databaseFile());
  onTestFinished(() => store.close());
  await store.tx((sql) => sql("CREATE TABLE done (n BIGINT PRIMARY KEY)"));
  const numbers = Array.from({ length: 40 }, (_, i) => i);
  // A group without the last kinds first, then with all.
  for (const [round, kinds] of [2, 4, 3].entries()) {
    const endOf = (i: number) => ends[i % kinds];
    const all = await Promise.allSettled(
      numbers.map((i) =>
        store.tx(async (sql) => {
          await sql("SELECT count(*) AS done FROM done");
          if (endOf(i) === "fails first") throw new Error(`${i} failed`);
          await sql("INSERT INTO done (n) VALUES ($1)", round * 100 + i);
          if (endOf(i) === "fails after a write") throw new Error(`${i} failed`);
          if (endOf(i) === "survives an error of its SQL")
            await sql("INSERT INTO done (n) VALUES ($1)", round * 100 + i).catch(() => {});
        }),
      ),
    );
    const stored = await store.read((sql) => sql("SELECT n FROM done WHERE n >= $1 ORDER BY n", round * 100));
    const expected = numbers.filter((i) => !endOf(i)?.startsWith("fails"));
    expect(all.flatMap(({ status }, i) => (status === "fulfilled" ? i : []))).toEqual(expected);
    expect(stored.map((row) => integer(row, "n") - round * 100)).toEqual(expected);
  }
});

describe("a process killed while writing", () => {
  test("has stored every transaction that was answered", async () => {
    const file = databaseFile();
    for (let round = 0; round < 3; round++) {
      const writer = child("write", `${file}-${round}`);
      await until("some writes", () => writer.stdout().split("\n").length > 100 * (round + 1));
      await writer.stop("SIGKILL");
      const answered = writer.stdout().split("\n").slice(0, -1).map(Number);
      const store = await openSqlite(`${file}-${round}`);
      const kept = await store.tx((sql) => sql("SELECT id FROM written"));
      await store.close();
      const ids = new Set(kept.map((row) => integer(row, "id")));
      expect(answered.filter((id) => !ids.has(id))).toEqual([]);
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
  test("a second process is rejected, and the first continues", async () => {
    const file = databaseFile();
    const holder = child("hold", file);
    await until("the other process to open it", () => holder.stdout().includes("open"));
    const error = await rejectedBy(openSqlite(file));
    expect(error.code).toBe("conflict");
    expect(error.line).toContain(file);
    expect(holder.child.exitCode).toBeNull();
  });

  test("also within one process", async () => {
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

  test.each(garbage)("%s is rejected and not changed", async (_, content) => {
    const file = databaseFile();
    writeFileSync(file, content);
    const error = await rejectedBy(openSqlite(file));
    expect(error.code).toBe("store_failed");
    expect(error.line).toContain(file);
    expect(error.hint).not.toBe("");
    expect(readFileSync(file).equals(content)).toBe(true);
  });

  test("a folder is rejected", async () => {
    const file = databaseFile();
    mkdirSync(file);
    expect((await rejectedBy(openSqlite(file))).code).toBe("store_failed");
    expect(statSync(file).isDirectory()).toBe(true);
  });

  test("a missing folder is a store_failed error", async () => {
    expect((await rejectedBy(openSqlite(join(tempFolder(), "nowhere/cct.db")))).code).toBe("store_failed");
  });
});

describe("a closed store", () => {
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

  test("releases its file, which has all data", async () => {
    const store = await openSqlite(await used());
    onTestFinished(() => store.close());
    expect(await store.tx((sql) => sql("SELECT id FROM kept"))).toEqual([{ id: "here" }]);
  });

  test("has everything in one file, so a copy of it is a backup", async () => {
    const file = await used();
    const copy = `${file}.copy`;
    cpSync(file, copy);
    const store = await openSqlite(copy);
    onTestFinished(() => store.close());
    expect(await store.tx((sql) => sql("SELECT name FROM sqlite_master"))).toContainEqual({ name: "kept" });
  });
});

test("an error of the SQL itself is no fault of the disk", async () => {
  const store = await openSqlite(databaseFile());
  onTestFinished(() => store.close());
  await store.tx((sql) => sql("CREATE TABLE one (id TEXT PRIMARY KEY)"));
  await store.tx((sql) => sql("INSERT INTO one (id) VALUES ('a')"));
  for (const wrong of ["INSERT INTO one (id) VALUES ('a')", "SELECT nothing FROM nowhere"]) {
    const error = await store.tx((sql) => sql(wrong)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    // The broker answers `internal`, and its log has the details.
    expect(error).not.toBeInstanceOf(CctError);
  }
});

const FULL =
  "on a full disk a write fails with store_full, nothing is lost, and writing works again after space is freed";

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
