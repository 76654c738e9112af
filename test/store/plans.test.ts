/** How SQLite runs what is asked about waiting mail: by the indexes that hold only open or held deliveries. */
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openSqlite } from "../../src/store/drivers/sqlite.ts";
import { heldDeliveries, heldMail } from "../../src/store/held.ts";
import * as inbox from "../../src/store/inbox.ts";
import { openDeliveries, queuedMail } from "../../src/store/messages.ts";
import { migrate, readMigrations } from "../../src/store/migrate.ts";
import type { Sql, Value } from "../../src/store/store.ts";
import { root, tempFolder } from "../support/folders.ts";

const reads: [string, (sql: Sql) => Promise<unknown>][] = [
  ["queued mail", (sql) => queuedMail(sql, "p", "all", 0, 100)],
  ["open deliveries", (sql) => openDeliveries(sql, "p", ["queued", "claimed", "delivered"])],
  ["claimed deliveries", (sql) => openDeliveries(sql, "p", ["claimed"])],
  ["whose mail is claimed", (sql) => inbox.claimedPayers(sql, "p")],
  ["the number of claims", (sql) => inbox.countClaims(sql, "p")],
  ["the number of queued messages", (sql) => inbox.countQueued(sql, "p", 0)],
  ["the number of unread messages", (sql) => inbox.countUnread(sql, "p")],
  ["several mailboxes", (sql) => inbox.countBoxes(sql, ["p", "q"])],
  ["the size of a mailbox", (sql) => inbox.mailboxOf(sql, "p")],
  ["one payer's part of it", (sql) => inbox.backlogOf(sql, "p", "q")],
  ["what a heartbeat answers", (sql) => inbox.inboxOf(sql, "p", 0)],
  ["held mail", (sql) => heldMail(sql, "p", undefined, 10)],
  ["held deliveries", (sql) => heldDeliveries(sql, "p")],
];

test.each(reads)("%s: the cost does not grow with what the peer has received", async (_, read) => {
  const store = await openSqlite(join(tempFolder(), "cct.db"));
  onTestFinished(() => store.close());
  await migrate(store, await readMigrations(join(root, "migrations")), 0);
  const asked: [string, Value[]][] = [];
  await store.read((sql) =>
    read((text, ...values) => {
      asked.push([text, values]);
      return sql(text, ...values);
    }),
  );
  const plans = await store.read(async (sql) => {
    const steps = [];
    for (const [text, values] of asked) steps.push(...(await sql(`EXPLAIN QUERY PLAN ${text}`, ...values)));
    return steps.map(({ detail }) => String(detail));
  });
  const ofDeliveries = plans.filter((step) => /\b(d|h|deliveries)\b.*USING/.test(step));
  expect(ofDeliveries.length).toBeGreaterThan(0);
  for (const step of ofDeliveries) expect(step).toMatch(/INDEX deliveries_(open|held) \(peer_id=\? AND state=\?/);
});
