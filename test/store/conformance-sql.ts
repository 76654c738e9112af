/** The conformance suite, second part: the SQL dialect that operations may use, alike on every store. */
import { describe, expect, test } from "vitest";
import { integer, text } from "../../src/store/row.ts";
import type { Store } from "../../src/store/store.ts";
import { rejectedBy } from "../support/thrown.ts";
import { countersIn, type Open, read } from "./counters.ts";

export function sqlConformance(open: Open): void {
  const counters = (...ids: string[]): Promise<Store> => countersIn(open, ...ids);

  describe("the common SQL dialect", () => {
    test("placeholders can be in any order, and repeated", async () => {
      const opened = await counters();
      const [row] = await opened.tx(async (sql) => {
        await sql("INSERT INTO counters (n, id) VALUES ($2, $1)", "a", 7);
        await sql("INSERT INTO counters (id, n) VALUES ($1, $2)", "b", 8);
        return sql("SELECT id FROM counters WHERE n = $2 AND id <> $1 AND id <> $1 AND n = $2", "a", 8);
      });
      expect(row).toEqual({ id: "b" });
    });

    test("$12 is the twelfth placeholder, not the first followed by a 2", async () => {
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

    test("a value is never parsed as SQL", async () => {
      const opened = await counters("a");
      const evil = "a'; DROP TABLE counters; --";
      await opened.tx((sql) => sql("INSERT INTO counters (id, n) VALUES ($1, 1)", evil));
      expect(await opened.tx((sql) => read(sql, evil))).toBe(1);
    });

    test("RETURNING returns what was written", async () => {
      const opened = await counters("a");
      const rows = await opened.tx((sql) => sql("UPDATE counters SET n = n + 5 WHERE id = $1 RETURNING id, n", "a"));
      expect(rows.map((row) => [text(row, "id"), integer(row, "n")])).toEqual([["a", 5]]);
      const none = await opened.tx((sql) => sql("DELETE FROM counters WHERE id = $1 RETURNING id", "nobody"));
      expect(none).toEqual([]);
    });

    test("a statement without rows returns an empty array", async () => {
      const opened = await counters("a");
      expect(await opened.tx((sql) => sql("UPDATE counters SET n = 1"))).toEqual([]);
    });

    test("ON CONFLICT updates or does nothing", async () => {
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
      "the integer %d is stored exactly",
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

    test("NULL can be stored and found", async () => {
      const opened = await counters();
      const [row] = await opened.tx(async (sql) => {
        await sql("INSERT INTO counters (id, n) VALUES ('empty', $1)", null);
        return sql("SELECT id, n FROM counters WHERE n IS NULL");
      });
      expect(row).toEqual({ id: "empty", n: null });
    });

    test.each(["", "line\nline\ttab", "naïve 日本語 😀", "'\"\\%_$1?", "x".repeat(65_536)])(
      "the text %j is stored exactly",
      async (written) => {
        const opened = await counters();
        await opened.tx((sql) => sql("INSERT INTO counters (id, n) VALUES ($1, 0)", written));
        const [row] = await opened.tx((sql) => sql("SELECT id FROM counters"));
        expect(row).toEqual({ id: written });
      },
    );

    test("text with a NUL character is a bad_request", async () => {
      const opened = await counters("a");
      const error = await rejectedBy(opened.tx((sql) => sql("SELECT n FROM counters WHERE id = $1", "a\0")));
      expect(error).toMatchObject({ code: "bad_request", hint: "Remove it." });
    });

    test("text is ordered by code points, which id prefixes depend on", async () => {
      const opened = await counters("abcd", "abce", "ABCD", "abcdf");
      const rows = await opened.tx((sql) =>
        sql("SELECT id FROM counters WHERE id >= $1 AND id < $2 ORDER BY id", "abcd", "abcdg"),
      );
      expect(rows).toEqual([{ id: "abcd" }, { id: "abcdf" }]);
    });
  });
}
