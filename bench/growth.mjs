/**
 * How latency grows with the amount of stored data: operations on a store with a million finished messages (value) and on
 * an empty one (floor), in turns in one run. `CCT_BENCH_ROWS` sets another number, and
 * `CCT_BENCH_DATABASE_URL` names an empty PostgreSQL for the full store (and `CCT_BENCH_FLOOR_DATABASE_URL` one for the other).
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { root, tempFolder } from "./product.mjs";
import { loadSource } from "./source.mjs";
import { median } from "./stats.mjs";

const ROWS = Number(process.env.CCT_BENCH_ROWS ?? 1_000_000);
const PEERS = 50;
/** Rows inserted by one statement. */
const AT_ONCE = 5_000;
const ROUNDS = 200;
const DAY_MS = 86_400_000;

/** The statements and operations of the program, without its processes. */
const loadParts = () =>
  loadSource(
    "growth",
    `export { operations } from "./src/operations/index.ts";
     export { cleanups } from "./src/operations/support/retention.ts";
     export { invoke } from "./src/operations/core/invoke.ts";
     export { countOpen, oldestQueued } from "./src/store/counts.ts";
     export { migrate, readMigrations } from "./src/store/migrate.ts";
     export { openSqlite } from "./src/store/drivers/sqlite.ts";
     export { openPostgres } from "./src/store/drivers/postgres.ts";`,
  );

export async function growth() {
  const parts = await loadParts();
  const open = (url) =>
    url
      ? parts.openPostgres({ url, pool: 10, random: Math.random })
      : parts.openSqlite(join(tempFolder(), "growth.db"));
  const full = await prepare(parts, await open(process.env.CCT_BENCH_DATABASE_URL));
  const floor = await prepare(parts, await open(process.env.CCT_BENCH_FLOOR_DATABASE_URL));
  await fill(full);
  // What autovacuum does within a minute or so; SQLite goes without, as the product does.
  if (process.env.CCT_BENCH_DATABASE_URL) await full.store.read((sql) => sql("ANALYZE"));

  const figures = [
    {
      name: "the database, for each message with one delivery",
      value: ((await full.store.size()) - (await floor.store.size())) / ROWS,
      unit: "B",
      floor: 200,
      floorName: "characters of its text",
      info: true,
    },
  ];
  for (const [name, run, more] of measures(parts)) {
    const times = { full: [], floor: [] };
    for (let round = 0; round < (more.rounds ?? ROUNDS); round++) {
      const both = Object.entries({ full, floor });
      for (const [which, place] of round % 2 === 0 ? both : both.reverse()) {
        const begin = performance.now();
        await run(place, round);
        times[which].push(performance.now() - begin);
      }
    }
    figures.push({
      name: `${name}, ${ROWS.toLocaleString("en")} messages stored`,
      value: median(times.full),
      unit: "ms",
      floor: median(times.floor),
      floorName: "0 stored",
      ...(more.info ? { info: true } : { goal: { limit: 1.5, of: "ratio" } }),
    });
  }
  await full.store.close();
  await floor.store.close();
  return figures;
}

/** A store with its schema, 50 peers and a pool of all of them. */
async function prepare(parts, store) {
  const now = () => Date.now();
  await parts.migrate(store, await parts.readMigrations(join(root, "migrations")), now());
  let seq = 0;
  const limits = { repeat_seconds: 60, sends_per_minute: 1e6, sends_per_pair: 1e6, hops: 20, wakes_per_hour: 60 };
  const environment = {
    store,
    now,
    confirmed: now,
    isConfirmed: () => true,
    newId: () => randomBytes(16).toString("hex"),
    newMessageId: () => randomBytes(16).toString("hex"),
    nextSeq: () => {
      seq = Math.max(seq + 1, now() * 1000);
      return seq;
    },
    limits: { ...limits, mailbox_messages: 2000, peers: 10_000 },
    publish() {},
    count() {},
  };
  const call = (name, input, as) => {
    const operation = parts.operations.find((one) => one.name === name);
    return parts.invoke(environment, operation, input, { principal: { kind: "home" }, credentials: as });
  };
  const peers = [];
  for (let i = 0; i < PEERS; i++) {
    const place = { name: `peer-${i}`, host: "elsewhere", claude_pid: 1000 + i, cwd: `/bench/${i}`, held: [] };
    peers.push({ ...(await call("register", place)), claude_pid: 1000 + i, name: `peer-${i}` });
  }
  await call("create_pool", { name: "all", purpose: "to measure" }, peers[0]);
  for (const peer of peers.slice(1)) await call("join_pool", { pool: "all" }, peer);
  const { pools } = await call("list_pools", {});
  // What the pool reports of who joined is no part of this.
  for (const peer of peers) await readAll(call, peer);
  const quiet = await call("register", { name: "quiet", host: "elsewhere", claude_pid: 1, cwd: "/quiet", held: [] });
  return { store, call, peers, quiet, pool: pools[0].pool_id, now };
}

async function readAll(call, peer) {
  for (;;) {
    const { messages } = await call("check_messages", { limit: 100 }, peer);
    if (messages.length === 0) return;
    const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "read" }));
    await call("ack_messages", { acks, via: "check", batch: "b" }, peer);
  }
}

/** Finished messages of the last 20 days, of all pairs of peers; one in four was said in the pool, and one in ten woke. */
async function fill({ store, peers, pool, now }) {
  const begin = (now() - 20 * DAY_MS) * 1000;
  const step = Math.floor((20 * DAY_MS * 1000 - 3_600_000_000) / ROWS);
  const numbers = "WITH RECURSIVE n(i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)";
  for (let from = 0, batch = 0; from < ROWS; from += AT_ONCE, batch++) {
    const to = Math.min(ROWS, from + AT_ONCE);
    const sender = peers[batch % PEERS];
    const receiver = peers[(batch + 1 + (Math.floor(batch / PEERS) % (PEERS - 1))) % PEERS];
    const inPool = batch % 4 === 0 ? pool : null;
    await store.tx(async (sql) => {
      await sql(
        `${numbers} INSERT INTO messages (message_id, seq, from_id, from_name, to_address, thread_id, reply_to, urgency, text, sent_at, expires_at, hops, answer, pool_id, target)
         SELECT 'bench-' || i, $3 + i * $4, $5, $6, $7, 'bench-' || i, NULL, 'normal', $8, CAST(($3 + i * $4) / 1000 AS BIGINT), NULL, 0, $9, $10, $11 FROM n`,
        ...[
          from,
          to,
          begin,
          step,
          sender.peer_id,
          sender.name,
          receiver.name,
          "x".repeat(200),
          "{}".padEnd(150),
          inPool,
        ],
        inPool ?? receiver.peer_id,
      );
      await sql(
        `${numbers} INSERT INTO deliveries (message_id, peer_id, seq, state, attempt, leased_at, redelivered, delivered_at, read_at, expires_at, lost, via, batch)
         SELECT 'bench-' || i, $3, $4 + i * $5, 'read', 1, NULL, 0, CAST(($4 + i * $5) / 1000 AS BIGINT) + 50, CAST(($4 + i * $5) / 1000 AS BIGINT) + 5000, NULL, 0, CASE WHEN i % 10 = 0 THEN 'wake' ELSE 'tool' END, 'b' || i FROM n`,
        ...[from, to, receiver.peer_id, begin, step],
      );
    });
  }
}

/** What is measured: name, work, and whether it is a goal or for information. */
function measures({ countOpen, oldestQueued, cleanups }) {
  const who = ({ peers }, round) => peers[round % PEERS];
  const next = ({ peers }, round) => peers[(round + 1) % PEERS];
  const keep = { keep_read_days: 30, keep_failed_days: 90, keep_notes_days: 90 };
  const beat = (place, round) => {
    const { claude_pid } = who(place, round);
    return place.call("heartbeat", { claude_pid, held: [] }, who(place, round));
  };
  return [
    [
      "inbox check (check_messages), empty inbox",
      (place, round) => place.call("check_messages", {}, who(place, round)),
      {},
    ],
    [
      "inbox check of the session server (claim_messages)",
      (place, round) => place.call("claim_messages", { limit: 20, budget: 9000 }, who(place, round)),
      {},
    ],
    ["heartbeat", beat, {}],
    [
      "send_message to a peer",
      (place, round) =>
        place.call("send_message", { to: next(place, round).name, text: `hello ${round}` }, who(place, round)),
      {},
    ],
    [
      "a message sent, taken and acknowledged",
      async (place, round) => {
        const { name } = next(place, round);
        await place.call("send_message", { to: name, text: `taken ${round}` }, who(place, round));
        await readAll(place.call, next(place, round));
      },
      {},
    ],
    [
      "send_message to a pool of 50",
      (place, round) => place.call("send_message", { to: "@all", text: `all ${round}` }, who(place, round)),
      { rounds: 20 },
    ],
    ["list_peers", (place, round) => place.call("list_peers", {}, who(place, round)), { rounds: 20 }],
    [
      "pool_status",
      (place, round) => place.call("pool_status", { pool: "all" }, who(place, round)),
      { rounds: 20, info: true },
    ],
    ["messages, of a peer that was told nothing", (place) => place.call("messages", {}, place.quiet), { rounds: 20 }],
    [
      "messages, of one that said much",
      (place, round) => place.call("messages", { limit: 10 }, who(place, round)),
      { rounds: 20, info: true },
    ],
    ["messages --dead", (place) => place.call("messages", { dead: true }), { rounds: 20 }],
    [
      "what /metrics and broker status count",
      ({ store }) => store.read(async (sql) => [await countOpen(sql), await oldestQueued(sql)]),
      { rounds: 20 },
    ],
    ["clearing away, nothing to do", ({ store, now }) => store.tx((sql) => cleanups[0](sql, keep, now())), {}],
    [
      "clearing away 100 messages",
      // Ten days on, a third of a million may go.
      ({ store, now }) => store.tx((sql) => cleanups[0](sql, keep, now() + 20 * DAY_MS)),
      { rounds: 20, info: true },
    ],
  ];
}
