/** The conformance suite, third part: work that reads and then inserts, which drivers may group. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { integer, text } from "../../src/store/row.ts";
import type { Sql, Store } from "../../src/store/store.ts";
import { add, countersIn, type Open, read } from "./counters.ts";

/** What one unit of work does. All read a counter and note what they saw; most insert a row of their own. */
const kinds = fc.record({
  does: fc.constantFrom(
    "insert",
    "insert two",
    "insert the same",
    "fail",
    "fail late",
    "bad sql",
    "update",
    "read own",
    "copy",
  ),
  other: fc.boolean(),
});
type Kind = typeof kinds extends fc.Arbitrary<infer T> ? T : never;

const INSERT = "INSERT INTO counters (id, n) VALUES ($1, $2)";
const SHARED = "hits";

export function insertConformance(open: Open): void {
  describe("work that reads and then inserts", () => {
    async function work(sql: Sql, { does }: Kind, id: string): Promise<string[]> {
      const hits = await read(sql, SHARED);
      if (does === "fail") throw new Error("no");
      if (does === "bad sql") await sql("SELECT nothing FROM nowhere");
      if (does === "copy") {
        // It reads a table that others fill.
        await sql("INSERT INTO counters (id, n) SELECT CAST($1 AS TEXT), count(*) FROM counters", id);
        return [id];
      }
      if (does === "update") {
        await sql("UPDATE counters SET n = $2 WHERE id = $1", SHARED, hits + 1);
        return [];
      }
      const mine = does === "insert the same" ? "same" : id;
      if (does === "insert the same" && (await sql("SELECT id FROM counters WHERE id = $1", mine)).length > 0)
        return [];
      await sql(INSERT, mine, 1);
      if (does === "fail late") throw new Error("no");
      if (does === "insert two") {
        await sql(INSERT, `${id}-two`, 1);
        return [mine, `${id}-two`];
      }
      // It must see its own row, which no group can show it.
      if (does === "read own") expect(await read(sql, mine)).toBe(1);
      return [mine];
    }

    test("stores the rows of the work that succeeded, once, and no others, whatever runs beside it", async () => {
      const opened = await countersIn(open);
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(kinds, { minLength: 1, maxLength: 40 }), async (all) => {
          run++;
          await opened.tx((sql) => sql("DELETE FROM counters"));
          await opened.tx((sql) => sql(INSERT, SHARED, 0));
          const others: Promise<void>[] = [];
          const done = await Promise.allSettled(
            all.map((kind, i) => {
              if (kind.other) others.push(opened.tx((sql) => add(sql, SHARED, 1), "snapshot"));
              return opened.tx((sql) => work(sql, kind, `${run}-${i}`), "inserts");
            }),
          );
          await Promise.all(others);
          const rows = await opened.read((sql) => sql("SELECT id, n FROM counters"));
          const stored = new Map(rows.map((row) => [text(row, "id"), integer(row, "n")]));
          const updates = all.filter(({ does }) => does === "update").length + others.length;
          expect(stored.get(SHARED)).toBe(updates);
          stored.delete(SHARED);
          const told = done.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
          expect([...stored.keys()].sort()).toEqual(told.sort());
          const failed = done.map((one) => one.status === "rejected");
          expect(failed).toEqual(all.map(({ does }) => ["fail", "fail late", "bad sql"].includes(does)));
        }),
        { numRuns: 60 },
      );
    });

    test("of many that insert one id at once, one succeeds and the others see its row", async () => {
      const opened = await countersIn(open);
      const take = (i: number) => async (sql: Sql) => {
        const [taken] = await sql("SELECT n FROM counters WHERE id = 'only'");
        if (taken) return integer(taken, "n");
        await sql(INSERT, "only", i);
        return i;
      };
      const done = await Promise.all(Array.from({ length: 60 }, (_, i) => opened.tx(take(i), "inserts")));
      expect(new Set(done).size).toBe(1);
    });

    test("is finished when the store closes, and rejected afterwards", async () => {
      const opened: Store = await countersIn(open);
      const all = Array.from({ length: 100 }, (_, i) => opened.tx((sql) => sql(INSERT, `row-${i}`, i), "inserts"));
      await opened.close();
      expect((await Promise.allSettled(all)).every((one) => one.status === "fulfilled")).toBe(true);
      await expect(opened.tx((sql) => sql(INSERT, "late", 1), "inserts")).rejects.toMatchObject({
        code: "unavailable",
      });
    });
  });
}
