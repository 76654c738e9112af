/** Updates of a peer write what has changed, and nothing else. */

import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { migrate, readMigrations } from "../../src/store/migrate.ts";
import { findPeers, insertPeer, type Peer, updatePeer } from "../../src/store/peers.ts";
import type { Sql, Store } from "../../src/store/store.ts";
import { atEnd } from "../support/cleanup.ts";
import { newStore } from "../support/database.ts";
import { root } from "../support/folders.ts";

const ID = "a".repeat(32);
let store: Store;
beforeAll(async () => {
  store = await newStore();
  atEnd(() => store.close());
  await migrate(store, await readMigrations(join(root, "migrations")), 0);
});

const text = fc.constantFrom("x", "Y", "z");
const textOrNull = fc.option(text);
const time = fc.integer({ min: 0, max: 3 });
const timeOrNull = fc.option(time);
const peer: fc.Arbitrary<Peer> = fc.record({
  peer_id: fc.constant(ID),
  name: text,
  host: text,
  host_pid: time,
  session_id: textOrNull,
  cwd: text,
  repo: textOrNull,
  branch: textOrNull,
  remote: textOrNull,
  summary: text,
  presence: fc.constantFrom("active", "idle", "blocked", "offline"),
  last_seen: time,
  busy_reason: textOrNull,
  busy_since: timeOrNull,
  busy_for: timeOrNull,
  polls: fc.boolean(),
  wakes: fc.boolean(),
  midturn: fc.boolean(),
  agent: text,
  server_pid: timeOrNull,
  hooks: fc.constantFrom("live", "quiet", "unwritable", "unserved"),
  took_at: timeOrNull,
  created_at: fc.constant(7),
  device_id: fc.constant(null),
  away_since: fc.constant(null),
  beat_ms: time,
  own_summary: fc.boolean(),
  seat: fc.boolean(),
  alias: textOrNull,
  blocked_tool: textOrNull,
  blocked_what: textOrNull,
  muted: fc.constant(false),
});

/** Notes the writes of `sql`. */
const noting =
  (sql: Sql, written: string[]): Sql =>
  (statement, ...values) => {
    if (!statement.startsWith("SELECT")) written.push(statement);
    return sql(statement, ...values);
  };

test("after an update a peer is stored as it is now, whatever it was", async () => {
  await fc.assert(
    fc.asyncProperty(peer, peer, fc.option(fc.integer({ min: 1, max: 9 })), async (before, after, away) => {
      await store.tx(async (sql) => {
        await sql("DELETE FROM peers");
        await insertPeer(sql, before, "none");
        await sql("UPDATE peers SET away_since = $1", away);
      });
      const found = () => store.read((sql) => findPeers(sql, [ID]));
      const [stored] = await found();
      if (!stored) throw new Error("no peer");
      expect(stored).toEqual({ ...before, away_since: away });
      const written: string[] = [];
      await store.tx((sql) => updatePeer(noting(sql, written), { ...after, away_since: away }, stored));
      // The sweep has to see that it is back.
      const back = away !== null && after.presence !== "offline" ? -1 : away;
      expect(await found()).toEqual([{ ...after, away_since: back }]);
      expect(written.length).toBeLessThanOrEqual(1);
    }),
    { numRuns: 60 },
  );
});

test("a heartbeat with nothing new writes one column, and the end of a delivery one without an index", async () => {
  const [one] = fc.sample(peer, { numRuns: 1, seed: 1 });
  if (!one) throw new Error("no peer");
  const written: string[] = [];
  await store.tx(async (sql) => {
    const noted = noting(sql, written);
    await updatePeer(noted, { ...one, last_seen: 9 }, one);
    await updatePeer(noted, { ...one, took_at: 9 }, one);
    await updatePeer(noted, { ...one }, one);
  });
  expect(written).toEqual([
    "UPDATE peers SET last_seen = $2 WHERE peer_id = $1",
    "UPDATE peers SET took_at = $2 WHERE peer_id = $1",
  ]);
});
