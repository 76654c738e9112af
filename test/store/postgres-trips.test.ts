/** How the PostgreSQL driver groups statements into round trips, and what its errors mean then. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { openPostgres, type Postgres } from "../../src/store/drivers/postgres.ts";
import { atEnd } from "../support/cleanup.ts";
import { hasPostgres, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { startWire, type Wire } from "../support/postgres-wire.ts";
import { rejectedBy } from "../support/thrown.ts";
import { until } from "../support/wait.ts";
import { add, countersIn, read } from "./counters.ts";

const INSERT = "INSERT INTO counters (id, n) VALUES ($1, $2)";
const UPDATE = "UPDATE counters SET n = $2 WHERE id = $1";

describe.skipIf(!hasPostgres("round trips of the store to PostgreSQL"))("PostgreSQL", () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });

  const storeAt = (url: string): Postgres => openPostgres({ url, pool: 5, random: Math.random });

  async function wired(): Promise<{ wire: Wire; store: Postgres }> {
    const wire = await startWire(await server.database());
    const store = storeAt(wire.url);
    await countersIn(async () => store, "a", "b");
    wire.transactions.splice(0);
    return { wire, store };
  }

  test("gets BEGIN with the first statement, and writes with the next read or with COMMIT", async () => {
    const { wire, store } = await wired();
    const seen = await store.tx(async (sql) => {
      await sql(UPDATE, "a", 1);
      await sql(UPDATE, "b", 2);
      const both = await Promise.all([read(sql, "a"), read(sql, "b")]);
      await sql(INSERT, "c", 3);
      return [...both, await read(sql, "c")];
    });
    expect(seen).toEqual([1, 2, 3]);
    await store.tx((sql) => add(sql, "a", 1));
    const SELECT = "SELECT";
    const verbs = wire.transactions.map((trips) => trips.map((trip) => trip.map((text) => text.split(" ")[0])));
    expect(verbs).toEqual([
      [["BEGIN", "UPDATE", "UPDATE", SELECT, SELECT], ["INSERT", SELECT], ["COMMIT"]],
      [
        ["BEGIN", SELECT],
        ["UPDATE", "COMMIT"],
      ],
    ]);
  });

  test("gets nothing from work that fails before it reads", async () => {
    const { wire, store } = await wired();
    const work = store.tx(async (sql) => {
      await sql(UPDATE, "a", 1);
      throw new Error("no");
    });
    await expect(work).rejects.toThrow("no");
    expect(wire.transactions).toEqual([]);
  });

  test("reports the error of a write that nobody waited for, and stores nothing", async () => {
    const { store } = await wired();
    const work = store.tx(async (sql) => {
      await sql(INSERT, "c", 1);
      await sql(INSERT, "a", 1).catch(() => {});
      await sql(INSERT, "d", 1);
    });
    expect((await work.catch((error: unknown) => error)) as object).toMatchObject({ code: "23505" });
    const left = await store.read((sql) => sql("SELECT id FROM counters ORDER BY id"));
    expect(left).toEqual([{ id: "a" }, { id: "b" }]);
  });

  test("can be sent a statement again whose first attempt failed on the same connection", async () => {
    const store = openPostgres({ url: await server.database(), pool: 1, random: Math.random });
    await countersIn(async () => store, "a");
    const wrong = (sql: Parameters<Parameters<Postgres["tx"]>[0]>[0]) =>
      sql("SELECT n / $1::bigint AS n FROM counters", 0);
    await expect(store.tx(wrong)).rejects.toThrow("division by zero");
    await expect(store.tx(wrong)).rejects.toThrow("division by zero");
    await expect(store.tx((sql) => sql("SELECT nothing FROM counters"))).rejects.toThrow("nothing");
    await expect(store.tx((sql) => sql("SELECT nothing FROM counters"))).rejects.toThrow("nothing");
    expect(await store.tx((sql) => sql("SELECT n / $1::bigint AS n FROM counters", 1))).toEqual([{ n: "0" }]);
  });

  test("writes of any number are sent in order, many at a time", async () => {
    const { wire, store } = await wired();
    await store.tx(async (sql) => {
      for (let i = 0; i < 1_000; i++) await sql(INSERT, `row-${i}`, i);
      for (let i = 0; i < 1_000; i++) await sql("UPDATE counters SET n = n + 1 WHERE id = $1", `row-${i}`);
    });
    expect(wire.transactions[0]?.length).toBeLessThan(40);
    const [sum] = await store.read((sql) => sql("SELECT sum(n) AS n FROM counters"));
    expect(Number(sum?.n)).toBe((1_000 * 1_001) / 2);
  });

  describe("a connection that breaks", () => {
    test("before the last round trip: the work is done again, once", async () => {
      const { wire, store } = await wired();
      wire.breakAt(/^SELECT n/, "gets it");
      await store.tx((sql) => add(sql, "a", 1));
      expect(await store.read((sql) => read(sql, "a"))).toBe(1);
      expect(store.counts().retries).toBe(1);
    });

    test.each([
      ["gets it", 1],
      ["does not get it", 0],
    ] as const)("in the last round trip, and the server %s: the outcome is unknown", async (which, after) => {
      const { wire, store } = await wired();
      wire.breakAt(/^COMMIT/, which);
      const error = await rejectedBy(store.tx((sql) => add(sql, "a", 1)));
      expect(error).toMatchObject({ code: "unavailable" });
      expect(error.message).toContain("unknown whether");
      // The server may still be at it when the client sees the connection break.
      await until("the server has done it", async () => (await store.read((sql) => read(sql, "a"))) === after);
    });
  });

  describe("work that reads and then inserts", () => {
    const insert = (store: Postgres, id: string): Promise<unknown> =>
      store.tx(async (sql) => {
        await Promise.all([read(sql, "a"), read(sql, "b")]);
        await sql(INSERT, id, 1);
      }, "inserts");

    test("shares few transactions, each of two round trips at most", async () => {
      const { wire, store } = await wired();
      await Promise.all(Array.from({ length: 64 }, (_, i) => insert(store, `row-${i}`)));
      expect(wire.transactions.length).toBeLessThanOrEqual(8);
      for (const trips of wire.transactions) expect(trips.length).toBeLessThanOrEqual(2);
    });

    test.each([
      ["gets it", 20],
      ["does not get it", 0],
    ] as const)("has an unknown outcome when its COMMIT breaks, and the server %s", async (which, stored) => {
      const url = await server.database();
      const wire = await startWire(url);
      // With one connection: one group after the other.
      const store = openPostgres({ url: wire.url, pool: 1, random: Math.random });
      await countersIn(async () => store, "a", "b");
      wire.breakAt(/^COMMIT/, which);
      const done = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => insert(store, `row-${i}`)));
      const unknown = done.filter((one) => one.status === "rejected");
      expect(unknown.length).toBeGreaterThan(1);
      for (const one of unknown) expect(String(one.reason?.message)).toContain("unknown whether");
      await until("the server has done it", async () => {
        const [row] = await store.read((sql) => sql("SELECT count(*) AS n FROM counters WHERE n = 1"));
        return Number(row?.n) === (stored === 0 ? 20 - unknown.length : stored);
      });
    });
  });

  test("is not hurried by what only one broker may do at a time", async () => {
    const { store } = await wired();
    const slow = store.exclusiveTx((sql) => sql("SELECT pg_sleep(6.5)"));
    expect(await Promise.all([slow, store.exclusiveTx((sql) => read(sql, "a"))])).toMatchObject([[{}], 0]);
  });

  test("ends as if one transaction had run after the other, whatever they do (two brokers)", async () => {
    const url = await server.database();
    const ids = ["a", "b", "c"];
    const one = storeAt(url);
    const other = storeAt(url);
    await countersIn(async () => one, ...ids);
    atEnd(() => other.close());
    const step = fc.oneof(
      fc.record({ do: fc.constant("read" as const), id: fc.constantFrom(...ids) }),
      fc.record({ do: fc.constant("add" as const), id: fc.constantFrom(...ids), by: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ do: fc.constant("move" as const), id: fc.constantFrom(...ids), to: fc.constantFrom(...ids) }),
      fc.record({ do: fc.constant("fail" as const) }),
    );
    const works = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(works, async (all) => {
        const sums = async (): Promise<number> => {
          const [row] = await one.read((sql) => sql("SELECT sum(n) AS n FROM counters"));
          return Number(row?.n);
        };
        const before = await sums();
        const done = await Promise.all(
          all.map((steps, i) =>
            (i % 2 ? one : other)
              .tx(
                async (sql) => {
                  let added = 0;
                  for (const step of steps) {
                    if (step.do === "fail") throw new Error("no");
                    if (step.do === "read") await Promise.all(ids.map((id) => read(sql, id)));
                    if (step.do === "add") {
                      await add(sql, step.id, step.by);
                      added += step.by;
                    }
                    if (step.do === "move" && step.to !== step.id) {
                      await add(sql, step.id, -1);
                      await add(sql, step.to, 1);
                    }
                  }
                  return added;
                },
                (["serial", "snapshot", "inserts"] as const)[i % 3],
              )
              .catch((error: Error) => {
                if (error.message !== "no") throw error;
                return 0;
              }),
          ),
        );
        // An update that got lost, or a part of work that failed, would show in the sum.
        expect((await sums()) - before).toBe(done.reduce((sum, n) => sum + n, 0));
      }),
      { numRuns: 40 },
    );
  });
});
