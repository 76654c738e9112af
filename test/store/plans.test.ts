/** How SQLite runs what is asked about waiting mail: by the indexes that hold only open or held deliveries, in their order. */
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { questionsTo } from "../../src/store/attention.ts";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { migrate, readMigrations } from "../../src/store/migrate.ts";
import type { Sql, Store } from "../../src/store/store.ts";
import { atEnd } from "../support/cleanup.ts";
import { root, tempFolder } from "../support/folders.ts";
import { flatReads, statementsOf, wholeReads } from "./waiting-reads.ts";

let store: Store;
beforeAll(async () => {
  store = await openSqlite(join(tempFolder(), "cct.db"));
  atEnd(() => store.close());
  await migrate(store, await readMigrations(join(root, "migrations")), 0);
});

const plansOf = (read: (sql: Sql) => Promise<unknown>): Promise<string[]> =>
  store.read(async (sql) => {
    const steps = [];
    for (const [text, values] of await statementsOf(sql, read))
      steps.push(...(await sql(`EXPLAIN QUERY PLAN ${text}`, ...values)));
    return steps.map(({ detail }) => String(detail));
  });

test.each([...flatReads, ...wholeReads])(
  "%s: the cost does not grow with what the peer has received",
  async (_, read) => {
    const ofDeliveries = (await plansOf(read)).filter((step) => /\b(d|h|deliveries)\b.*USING/.test(step));
    expect(ofDeliveries.length).toBeGreaterThan(0);
    for (const step of ofDeliveries) expect(step).toMatch(/INDEX deliveries_(open|held) \(peer_id=\? AND state=\?/);
  },
);

test.each(flatReads.slice(0, 2))("%s: the order is that of the index, and nothing is sorted", async (_, read) => {
  const plan = await plansOf(read);
  expect(plan).toContainEqual(expect.stringMatching(/INDEX deliveries_open \(peer_id=\? AND state=\? AND rank[<=]/));
  expect(plan.join("\n")).not.toContain("TEMP B-TREE");
});

test.each([...flatReads, ...wholeReads].filter(([name]) => /number of (queued|unread)|mailboxes|size of/.test(name)))(
  "%s: counted in the index alone",
  async (_, read) => {
    const counts = (await plansOf(read)).filter((step) => /\bd\b.*USING/.test(step));
    for (const step of counts) expect(step).toContain("COVERING INDEX");
  },
);

test("whether a question is answered is looked up among the messages of the two, not among all that the person wrote", async () => {
  const plan = await plansOf((sql) => questionsTo(sql, "operator", 0));
  expect(plan).toContainEqual(expect.stringMatching(/\br USING INDEX messages_by_pair \(<expr>=\? AND seq>\?/));
});
