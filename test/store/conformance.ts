/**
 * What every store promises, as tests: the specification that each driver passes. `open` answers with a new, empty store.
 * Only what `store.ts` says is tested here, with the SQL that operations use; what one driver does besides is in its own file.
 */
import { describe, expect, onTestFinished, test } from "vitest";
import { CctError } from "../../src/platform/errors.ts";
import { freeName } from "../../src/rules/names.ts";
import { integer, text } from "../../src/store/row.ts";
import type { Sql, Store } from "../../src/store/store.ts";
import { rejectedBy } from "../support/thrown.ts";

export function storeConformance(open: () => Promise<Store>): void {
  /** An empty store that is closed after the test. */
  async function store(): Promise<Store> {
    const opened = await open();
    onTestFinished(() => opened.close());
    return opened;
  }

  /** A store with a table of counters. */
  async function counters(...ids: string[]): Promise<Store> {
    const opened = await store();
    await opened.tx(async (sql) => {
      await sql("CREATE TABLE counters (id TEXT PRIMARY KEY, n BIGINT)");
      for (const id of ids) await sql("INSERT INTO counters (id, n) VALUES ($1, $2)", id, 0);
    });
    return opened;
  }

  describe("transactions behave as if run one at a time", () => {
    // Of two that change the same row one is run again, also where each sees only its own moment.
    test.each(["serial", "snapshot"] as const)(
      "300 at once (%s) that each add one have added 300",
      async (isolation) => {
        const opened = await counters("a");
        await Promise.all(Array.from({ length: 300 }, () => opened.tx((sql) => add(sql, "a", 1), isolation)));
        expect(await opened.read((sql) => read(sql, "a"))).toBe(300);
      },
    );

    test("what holds over two rows goes on to hold when many change one of them, having looked at both", async () => {
      const opened = await counters("a", "b");
      await opened.tx(async (sql) => {
        await add(sql, "a", 100);
        await add(sql, "b", 100);
      });
      // Together the two never fall below zero; each withdrawal alone looks harmless to one that sees an old state.
      const withdraw = (from: string) => async (sql: Sql) => {
        if ((await read(sql, "a")) + (await read(sql, "b")) < 10) return false;
        await add(sql, from, -10);
        return true;
      };
      const done = await Promise.all(Array.from({ length: 60 }, (_, i) => opened.tx(withdraw(i % 2 ? "a" : "b"))));
      expect(done.filter(Boolean)).toHaveLength(20);
      expect(await opened.tx(async (sql) => (await read(sql, "a")) + (await read(sql, "b")))).toBe(0);
    });

    test("nobody sees half of another's work", async () => {
      const opened = await counters("a", "b");
      const move = async (sql: Sql) => {
        await add(sql, "a", -1);
        await add(sql, "b", 1);
      };
      const look = async (sql: Sql) => (await read(sql, "a")) + (await read(sql, "b"));
      const moves: Promise<void>[] = [];
      const looks: Promise<number>[] = [];
      for (let i = 0; i < 50; i++) {
        moves.push(opened.tx(move));
        looks.push(opened.tx(look, i % 2 ? "serial" : "snapshot"));
      }
      await Promise.all(moves);
      expect(new Set(await Promise.all(looks))).toEqual(new Set([0]));
    });

    test("who was answered finds what he wrote", async () => {
      const opened = await counters("a");
      for (let i = 1; i <= 20; i++) {
        await opened.tx((sql) => add(sql, "a", 1));
        expect(await opened.tx((sql) => read(sql, "a"))).toBe(i);
      }
    });

    test("an id is given to one of many who take it at once", async () => {
      const opened = await counters();
      const take = (who: number) => opened.tx((sql) => sql("INSERT INTO counters (id, n) VALUES ('only', $1)", who));
      const done = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => take(i)));
      expect(done.filter((one) => one.status === "fulfilled")).toHaveLength(1);
    });
  });

  describe("names, as peers and pools take them", () => {
    /** Looks for the first free name and takes it, in the same transaction. */
    const register = (wanted: string) => async (sql: Sql) => {
      const taken = await sql("SELECT name FROM names");
      const name = freeName(
        wanted,
        taken.map((row) => text(row, "name")),
      );
      await sql("INSERT INTO names (name, name_key, active) VALUES ($1, $2, $2)", name, name.toLowerCase());
      return name;
    };

    async function names(): Promise<Store> {
      const opened = await store();
      await opened.tx((sql) => sql("CREATE TABLE names (name TEXT, name_key TEXT UNIQUE, active TEXT UNIQUE)"));
      return opened;
    }

    test("stay unique, whatever their case, when many who want one and the same look for a free one at once", async () => {
      const opened = await names();
      const all = await Promise.all(
        Array.from({ length: 40 }, (_, i) => opened.tx(register(i % 2 ? "crowd" : "Crowd"))),
      );
      expect(new Set(all.map((name) => name.toLowerCase())).size).toBe(40);
      expect(all.map((name) => Number(name.split("-")[1] ?? 1)).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 40 }, (_, i) => i + 1),
      );
    });

    test("may be NULL many times where they are unique, so that only active pools compete", async () => {
      const opened = await names();
      await opened.tx(async (sql) => {
        for (const key of ["a", "b", "c"])
          await sql("INSERT INTO names (name, name_key, active) VALUES ('x', $1, NULL)", key);
        await sql("UPDATE names SET active = 'x' WHERE name_key = 'a'");
      });
      await expect(opened.tx((sql) => sql("UPDATE names SET active = 'x' WHERE name_key = 'b'"))).rejects.toThrow();
      await opened.tx((sql) => sql("UPDATE names SET active = NULL WHERE name_key = 'a'"));
      await opened.tx((sql) => sql("UPDATE names SET active = 'x' WHERE name_key = 'b'"));
    });
  });

  describe("work that fails", () => {
    test("changes nothing, and is told its own error", async () => {
      const opened = await counters("a");
      const mine = new CctError("not_found", "There is no such thing.", "Look elsewhere.");
      const work = opened.tx(async (sql) => {
        await add(sql, "a", 1);
        throw mine;
      });
      expect(await rejectedBy(work)).toBe(mine);
      expect(await opened.tx((sql) => read(sql, "a"))).toBe(0);
    });

    test("changes nothing for its neighbours either, which are done", async () => {
      const opened = await counters("a", "b");
      const done = await Promise.allSettled(
        Array.from({ length: 90 }, (_, i) =>
          opened.tx(async (sql) => {
            await add(sql, i % 3 === 0 ? "a" : "b", 1);
            if (i % 3 === 0) throw new Error("no");
            if (i % 3 === 1) await sql("INSERT INTO counters (id, n) VALUES ('b', 0)");
          }),
        ),
      );
      // A third fails by itself, a third breaks a rule of the table (which fails it too), a third is done.
      expect(done.map((one) => one.status === "fulfilled")).toEqual(done.map((_, i) => i % 3 === 2));
      expect(await opened.tx(async (sql) => [await read(sql, "a"), await read(sql, "b")])).toEqual([0, 30]);
    });

    test("may have an error of its SQL; the store goes on", async () => {
      const opened = await counters("a");
      await expect(opened.tx((sql) => sql("SELECT nothing FROM nowhere"))).rejects.toThrow();
      await expect(opened.tx((sql) => sql("this is no SQL"))).rejects.toThrow();
      expect(await opened.tx((sql) => read(sql, "a"))).toBe(0);
    });

    test("leaves no table behind", async () => {
      const opened = await store();
      const work = opened.tx(async (sql) => {
        await sql("CREATE TABLE half (id TEXT PRIMARY KEY)");
        throw new Error("no");
      });
      await expect(work).rejects.toThrow("no");
      await expect(opened.tx((sql) => sql("SELECT id FROM half"))).rejects.toThrow();
    });
  });

  describe("closing", () => {
    test("finishes what waits", async () => {
      const opened = await counters("a");
      const all = Array.from({ length: 300 }, () => opened.tx((sql) => add(sql, "a", 1)));
      const closed = opened.close();
      expect((await Promise.allSettled(all)).every((one) => one.status === "fulfilled")).toBe(true);
      await closed;
    });

    test("refuses what comes later, saying so", async () => {
      const opened = await counters("a");
      await opened.close();
      const error = await rejectedBy(opened.tx((sql) => read(sql, "a")));
      expect(error.code).toBe("unavailable");
      expect(error.hint).not.toBe("");
    });
  });

  describe("the SQL that all stores understand", () => {
    test("placeholders stand for values in any order, and more than once", async () => {
      const opened = await counters();
      const [row] = await opened.tx(async (sql) => {
        await sql("INSERT INTO counters (n, id) VALUES ($2, $1)", "a", 7);
        await sql("INSERT INTO counters (id, n) VALUES ($1, $2)", "b", 8);
        return sql("SELECT id FROM counters WHERE n = $2 AND id <> $1 AND id <> $1 AND n = $2", "a", 8);
      });
      expect(row).toEqual({ id: "b" });
    });

    test("twelve placeholders are twelve, not one and a two", async () => {
      const opened = await counters();
      const ids = Array.from({ length: 12 }, (_, i) => `id-${i + 1}`);
      const rows = await opened.tx(async (sql) => {
        for (const id of ids) await sql("INSERT INTO counters (id, n) VALUES ($1, 0)", id);
        return sql(`SELECT id FROM counters WHERE id IN (${ids.map((_, i) => `$${12 - i}`).join(", ")})`, ...ids);
      });
      expect(rows.map((row) => text(row, "id")).sort()).toEqual([...ids].sort());
      const [twelfth] = await opened.tx((sql) => sql("SELECT id FROM counters WHERE id = $12", ...ids));
      expect(twelfth).toEqual({ id: "id-12" });
    });

    test("a value is never read as SQL", async () => {
      const opened = await counters("a");
      const evil = "a'; DROP TABLE counters; --";
      await opened.tx((sql) => sql("INSERT INTO counters (id, n) VALUES ($1, 1)", evil));
      expect(await opened.tx((sql) => read(sql, evil))).toBe(1);
    });

    test("RETURNING answers with what was written", async () => {
      const opened = await counters("a");
      const rows = await opened.tx((sql) => sql("UPDATE counters SET n = n + 5 WHERE id = $1 RETURNING id, n", "a"));
      expect(rows.map((row) => [text(row, "id"), integer(row, "n")])).toEqual([["a", 5]]);
      const none = await opened.tx((sql) => sql("DELETE FROM counters WHERE id = $1 RETURNING id", "nobody"));
      expect(none).toEqual([]);
    });

    test("a statement without rows answers with none", async () => {
      const opened = await counters("a");
      expect(await opened.tx((sql) => sql("UPDATE counters SET n = 1"))).toEqual([]);
    });

    test("ON CONFLICT updates, or leaves what is there", async () => {
      const opened = await counters("a");
      await opened.tx(async (sql) => {
        const upsert = "INSERT INTO counters (id, n) VALUES ($1, $2) ON CONFLICT (id) DO";
        await sql(`${upsert} UPDATE SET n = excluded.n`, "a", 3);
        await sql(`${upsert} NOTHING`, "a", 9);
        await sql(`${upsert} NOTHING`, "b", 4);
      });
      expect(await opened.tx(async (sql) => [await read(sql, "a"), await read(sql, "b")])).toEqual([3, 4]);
    });

    test.each([0, -1, 2 ** 31, 2 ** 32 + 1, 2 ** 53 - 1, -(2 ** 53 - 1), 1_700_000_000_000_000])(
      "the integer %d comes back exactly",
      async (n) => {
        const opened = await counters();
        await opened.tx((sql) => sql("INSERT INTO counters (id, n) VALUES ('n', $1)", n));
        expect(await opened.tx((sql) => read(sql, "n"))).toBe(n);
        const [found] = await opened.tx((sql) =>
          sql("SELECT id FROM counters WHERE n = $1 AND n >= $1 AND n <= $1", n),
        );
        expect(found).toEqual({ id: "n" });
      },
    );

    test("NULL is a value of its own", async () => {
      const opened = await counters();
      const [row] = await opened.tx(async (sql) => {
        await sql("INSERT INTO counters (id, n) VALUES ('empty', $1)", null);
        return sql("SELECT id, n FROM counters WHERE n IS NULL");
      });
      expect(row).toEqual({ id: "empty", n: null });
    });

    test.each(["", "line\nline\ttab", "naïve 日本語 😀", "'\"\\%_$1?", "x".repeat(65_536)])(
      "the text %j comes back exactly",
      async (written) => {
        const opened = await counters();
        await opened.tx((sql) => sql("INSERT INTO counters (id, n) VALUES ($1, 0)", written));
        const [row] = await opened.tx((sql) => sql("SELECT id FROM counters"));
        expect(row).toEqual({ id: written });
      },
    );

    test("text with a NUL character is refused in good words", async () => {
      const opened = await counters("a");
      const error = await rejectedBy(opened.tx((sql) => sql("SELECT n FROM counters WHERE id = $1", "a\0")));
      expect(error).toMatchObject({ code: "bad_request", hint: "Remove it." });
    });

    test("text is ordered by its letters' codes, as prefixes of ids need it", async () => {
      const opened = await counters("abcd", "abce", "ABCD", "abcdf");
      const rows = await opened.tx((sql) =>
        sql("SELECT id FROM counters WHERE id >= $1 AND id < $2 ORDER BY id", "abcd", "abcdg"),
      );
      expect(rows).toEqual([{ id: "abcd" }, { id: "abcdf" }]);
    });
  });
}

async function add(sql: Sql, id: string, by: number): Promise<void> {
  // In two steps, so that a store that mixes transactions is caught.
  const n = await read(sql, id);
  await sql("UPDATE counters SET n = $2 WHERE id = $1", id, n + by);
}

async function read(sql: Sql, id: string): Promise<number> {
  const [row] = await sql("SELECT n FROM counters WHERE id = $1", id);
  if (!row) throw new Error(`there is no counter ${id}`);
  return integer(row, "n");
}
