/**
 * The conformance suite: what `store.ts` promises, as tests that each driver passes. Tests of one driver are in its own
 * file. `open` returns a new, empty store.
 */
import { describe, expect, test } from "vitest";
import { CctError } from "../../src/platform/errors.ts";
import { freeName } from "../../src/rules/names.ts";
import { text } from "../../src/store/row.ts";
import type { Sql, Store } from "../../src/store/store.ts";
import { rejectedBy } from "../support/thrown.ts";
import { insertConformance } from "./conformance-inserts.ts";
import { sqlConformance } from "./conformance-sql.ts";
import { add, countersIn, emptyStore, type Open, read } from "./counters.ts";

export function storeConformance(open: Open): void {
  const counters = (...ids: string[]): Promise<Store> => countersIn(open, ...ids);

  describe("transactions are serializable", () => {
    // Of two that change the same row one is retried, also under snapshot isolation.
    test.each(["serial", "snapshot"] as const)("300 concurrent increments (%s) add 300", async (isolation) => {
      const opened = await counters("a");
      await Promise.all(Array.from({ length: 300 }, () => opened.tx((sql) => add(sql, "a", 1), isolation)));
      expect(await opened.read((sql) => read(sql, "a"))).toBe(300);
    });

    test("a constraint over two rows holds when concurrent transactions read both and change one (no write skew)", async () => {
      const opened = await counters("a", "b");
      await opened.tx(async (sql) => {
        await add(sql, "a", 100);
        await add(sql, "b", 100);
      });
      // The sum never falls below zero. A withdrawal that sees an old state would break this.
      const withdraw = (from: string) => async (sql: Sql) => {
        if ((await read(sql, "a")) + (await read(sql, "b")) < 10) return false;
        await add(sql, from, -10);
        return true;
      };
      const done = await Promise.all(Array.from({ length: 60 }, (_, i) => opened.tx(withdraw(i % 2 ? "a" : "b"))));
      expect(done.filter(Boolean)).toHaveLength(20);
      expect(await opened.tx(async (sql) => (await read(sql, "a")) + (await read(sql, "b")))).toBe(0);
    });

    test("a transaction never sees a part of another one", async () => {
      const opened = await counters("a", "b");
      const move = async (sql: Sql) => {
        await add(sql, "a", -1);
        await add(sql, "b", 1);
      };
      const sum = async (sql: Sql) => (await read(sql, "a")) + (await read(sql, "b"));
      const moves: Promise<void>[] = [];
      const sums: Promise<number>[] = [];
      for (let i = 0; i < 50; i++) {
        moves.push(opened.tx(move));
        sums.push(opened.tx(sum, i % 2 ? "serial" : "snapshot"));
      }
      await Promise.all(moves);
      expect(new Set(await Promise.all(sums))).toEqual(new Set([0]));
    });

    test("a transaction sees everything that was committed before it began", async () => {
      const opened = await counters("a");
      for (let i = 1; i <= 20; i++) {
        await opened.tx((sql) => add(sql, "a", 1));
        expect(await opened.tx((sql) => read(sql, "a"))).toBe(i);
      }
    });

    test("of many concurrent inserts of one id, one succeeds", async () => {
      const opened = await counters();
      const take = (who: number) => opened.tx((sql) => sql("INSERT INTO counters (id, n) VALUES ('only', $1)", who));
      const done = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => take(i)));
      expect(done.filter((one) => one.status === "fulfilled")).toHaveLength(1);
    });
  });

  describe("unique names, as peers and pools use them,", () => {
    /** Finds the first free name and inserts it, in one transaction. */
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
      const opened = await emptyStore(open);
      await opened.tx((sql) => sql("CREATE TABLE names (name TEXT, name_key TEXT UNIQUE, active TEXT UNIQUE)"));
      return opened;
    }

    test("stay unique, ignoring case, when many transactions look for a free one at once", async () => {
      const opened = await names();
      const all = await Promise.all(
        Array.from({ length: 40 }, (_, i) => opened.tx(register(i % 2 ? "crowd" : "Crowd"))),
      );
      expect(new Set(all.map((name) => name.toLowerCase())).size).toBe(40);
      expect(all.map((name) => Number(name.split("-")[1] ?? 1)).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 40 }, (_, i) => i + 1),
      );
    });

    test("may be NULL many times, so that only active pools compete", async () => {
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
    test("changes nothing, and rejects with its own error", async () => {
      const opened = await counters("a");
      const mine = new CctError("not_found", "Not found.", "Try another one.");
      const work = opened.tx(async (sql) => {
        await add(sql, "a", 1);
        throw mine;
      });
      expect(await rejectedBy(work)).toBe(mine);
      expect(await opened.tx((sql) => read(sql, "a"))).toBe(0);
    });

    test("does not affect other work of the same group commit", async () => {
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
      // A third throws, a third violates a constraint, a third succeeds.
      expect(done.map((one) => one.status === "fulfilled")).toEqual(done.map((_, i) => i % 3 === 2));
      expect(await opened.tx(async (sql) => [await read(sql, "a"), await read(sql, "b")])).toEqual([0, 30]);
    });

    test("may have an SQL error; the store continues", async () => {
      const opened = await counters("a");
      await expect(opened.tx((sql) => sql("SELECT nothing FROM nowhere"))).rejects.toThrow();
      await expect(opened.tx((sql) => sql("this is no SQL"))).rejects.toThrow();
      expect(await opened.tx((sql) => read(sql, "a"))).toBe(0);
    });

    test("leaves no table behind", async () => {
      const opened = await emptyStore(open);
      const work = opened.tx(async (sql) => {
        await sql("CREATE TABLE half (id TEXT PRIMARY KEY)");
        throw new Error("no");
      });
      await expect(work).rejects.toThrow("no");
      await expect(opened.tx((sql) => sql("SELECT id FROM half"))).rejects.toThrow();
    });
  });

  describe("closing", () => {
    test("finishes pending transactions", async () => {
      const opened = await counters("a");
      const all = Array.from({ length: 300 }, () => opened.tx((sql) => add(sql, "a", 1)));
      const closed = opened.close();
      expect((await Promise.allSettled(all)).every((one) => one.status === "fulfilled")).toBe(true);
      await closed;
    });

    test("rejects later transactions as unavailable", async () => {
      const opened = await counters("a");
      await opened.close();
      const error = await rejectedBy(opened.tx((sql) => read(sql, "a")));
      expect(error.code).toBe("unavailable");
      expect(error.hint).not.toBe("");
    });
  });

  insertConformance(open);
  sqlConformance(open);
}
