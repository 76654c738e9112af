/** Names that look like ids, in databases from before they were refused: the migration gives them another form. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { looksLikeId } from "../../src/rules/names.ts";
import { migrate, readMigrations } from "../../src/store/migrate.ts";
import type { Sql } from "../../src/store/store.ts";
import { openClockwork } from "../support/clockwork.ts";
import { newStore } from "../support/database.ts";
import { root } from "../support/folders.ts";

const UUID = "01a21529-b89e-7ea7-8b80-7a214ad570c5";
const id = (start: string): string => start.padEnd(32, "0");
const key = (name: string): string => name.toLowerCase();

const peer = (sql: Sql, peerId: string, name: string) =>
  sql(
    `INSERT INTO peers (peer_id, name, name_key, secret_hash, host, claude_pid, cwd, summary, presence, last_seen, created_at)
     VALUES ($1, $2, $3, '', 'studio', 1, '/', '', 'offline', 1800000000000, 1)`,
    peerId,
    name,
    key(name),
  );
const pool = (sql: Sql, poolId: string, name: string, kind: "public" | "private" | "archived") =>
  sql(
    `INSERT INTO pools (pool_id, name, name_key, active_name, purpose, created_by, created_at, archived_at, private)
     VALUES ($1, $2, $3, $4, 'to test', 'operator', 1, $5, $6)`,
    poolId,
    name,
    key(name),
    kind === "archived" ? null : kind === "private" ? `${key(name)}/${poolId}` : key(name),
    kind === "archived" ? 2 : null,
    kind === "private" ? 1 : 0,
  );
const device = (sql: Sql, deviceId: string, name: string) =>
  sql(
    "INSERT INTO devices (device_id, name, scope, token_hash, created_at) VALUES ($1, $2, 'post', $3, 1)",
    deviceId,
    name,
    `hash of ${deviceId}`,
  );
const service = (sql: Sql, serviceId: string, name: string, port: number) =>
  sql(
    `INSERT INTO services (service_id, kind, name, url, host, endpoint, owner, held, ttl, registered_at, renewed_at, health)
     VALUES ($1, 'web', $2, $3, 'studio', $4, 'operator', 0, 80000000, 1, 1800000000000, 'unknown')`,
    serviceId,
    name,
    `http://localhost:${port}`,
    `studio:${port}`,
  );

async function oldStore() {
  const store = await newStore();
  const all = await readMigrations(join(root, "migrations"));
  await migrate(
    store,
    all.slice(
      0,
      all.findIndex(({ name }) => name.endsWith("names_unlike_ids.sql")),
    ),
    1,
  );
  await store.tx(async (sql) => {
    await peer(sql, id("aaaa1"), "web");
    // It took the name of its neighbour's id, and somebody the name that it would get.
    await peer(sql, id("bbbb2"), id("aaaa1"));
    await peer(sql, id("cccc3"), "DeadBeef");
    await peer(sql, id("cccc4"), "deadbeef-1");
    await peer(sql, id("cccc5"), UUID);
    await peer(sql, id("dddd6"), "e".repeat(35));
    await peer(sql, id("dddd7"), "e".repeat(36));
    await peer(sql, id("dddd8"), "abc");
    await pool(sql, id("1111"), "cafe", "public");
    await pool(sql, id("2222"), "face", "private");
    await pool(sql, id("3333"), "CAFE", "archived");
    await pool(sql, id("4444"), "front", "public");
    await sql(
      "INSERT INTO members (pool_id, peer_id, role, joined_at) VALUES ($1, $2, 'lead', 1), ($1, $3, 'member', 1)",
      id("1111"),
      id("aaaa1"),
      id("cccc3"),
    );
    await device(sql, id("5555"), "5555");
    await device(sql, id("6666"), "studio");
    await service(sql, id("7777"), "2026", 1);
    await service(sql, id("8888"), "2026-1", 2);
    await sql(
      `INSERT INTO messages (message_id, seq, from_id, from_name, to_address, thread_id, urgency, text, sent_at, hops, answer)
       VALUES ('last-one', 1900000000000000, 'operator', 'operator', 'web', 'last-one', 'low', 'hello', 1, 0, '')`,
    );
  });
  return store;
}

test("peers, pools, devices and services get names that do not look like ids, and those concerned are notified", async () => {
  const works = await openClockwork(undefined, await oldStore());
  const all = await works.dump();
  const names = (rows: unknown[] | undefined, idColumn: string) =>
    Object.fromEntries((rows ?? []).map((row) => [String(Object(row)[idColumn]).slice(0, 5), Object(row).name]));
  expect(names(all.peers, "peer_id")).toEqual({
    aaaa1: "web",
    bbbb2: `${id("aaaa1")}-1`,
    cccc3: "DeadBeef-2",
    cccc4: "deadbeef-1",
    cccc5: expect.stringMatching(/^01a21529-b89e-7ea7-8-cccc5000-1$/),
    dddd6: `${"e".repeat(20)}-dddd6000-1`,
    dddd7: `${"e".repeat(20)}-dddd7000-1`,
    dddd8: "abc",
  });
  expect(names(all.pools, "pool_id")).toEqual({ 11110: "cafe-1", 22220: "face-1", 33330: "CAFE-1", 44440: "front" });
  expect(names(all.devices, "device_id")).toEqual({ 55550: "5555-1", 66660: "studio" });
  expect(names(all.services, "service_id")).toEqual({ 77770: "2026-2", 88880: "2026-1" });
  for (const rows of [all.peers, all.pools, all.devices, all.services])
    for (const row of rows ?? []) expect(looksLikeId(Object(row).name)).toBe(false);
  for (const row of all.peers ?? []) expect(Object(row).name_key).toBe(key(Object(row).name));
  expect(Object.keys(all)).not.toContain("renamed");

  const { notes } = await works.call("notes", {});
  expect(notes).toHaveLength(10);
  expect(notes.map((note) => note.text)).toContain(
    "The peer 'DeadBeef' is now called 'DeadBeef-2', because its name could be read as an id.",
  );
  const { messages } = await works.call("messages", { peer: "deadbeef-2" });
  expect(messages.map(({ to, from_name, text }) => [from_name, to, text])).toEqual([
    ["cct", "@cafe-1", expect.stringContaining("The pool @cafe is now called @cafe-1")],
    ["cct", "DeadBeef-2", expect.stringContaining("You were called DeadBeef and are now called DeadBeef-2")],
  ]);
});

test("what was meant for an id arrives there again, and the new names work", async () => {
  const works = await openClockwork(undefined, await oldStore());
  const to = async (ref: string) => (await works.call("send_message", { to: ref, text: "hello" })).recipients;
  expect(await to(id("aaaa1"))).toMatchObject([{ name: "web" }]);
  expect(await to("aaaa1")).toMatchObject([{ name: "web" }]);
  expect(await to("DEADBEEF-2")).toMatchObject([{ peer_id: id("cccc3") }]);
  expect((await works.call("pool_status", { pool: "@cafe-1" })).pool.pool_id).toBe(id("1111"));
  expect((await works.call("pool_status", { pool: "3333" })).pool.state).toBe("archived");
  expect(await works.call("revoke_device", { device: "5555" })).toMatchObject({
    device_id: id("5555"),
    name: "5555-1",
  });
  expect(await works.call("unregister_service", { service: "2026-2" })).toMatchObject({ service_id: id("7777") });
});
