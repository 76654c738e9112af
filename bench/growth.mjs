/**
 * How latency grows with the amount of stored data: operations on a store with a million finished messages and 100,000 that
 * wait for one peer (value), and on one that is empty but for three that wait (floor), in turns in one run. `CCT_BENCH_ROWS` and
 * `CCT_BENCH_WAITING` set other numbers; with `CCT_BENCH_POSTGRES=1` both are databases of a PostgreSQL of the bench's own.
 */
import { join } from "node:path";
import { callerOf, environmentOf, ownCpuMs, registerPeers } from "./in-process.mjs";
import { startPostgres } from "./postgres.mjs";
import { root, tempFolder } from "./product.mjs";
import { loadSource } from "./source.mjs";
import { median } from "./stats.mjs";

const ROWS = Number(process.env.CCT_BENCH_ROWS ?? 1_000_000);
const WAITING = Number(process.env.CCT_BENCH_WAITING ?? 100_000);
const PEERS = 50;
/** Rows inserted by one statement. */
const AT_ONCE = 5_000;
const ROUNDS = 200;
const DAY_MS = 86_400_000;

const isServer = process.env.CCT_BENCH_POSTGRES === "1";

/** The CPU time of some work, which other work on the machine hardly changes. The database server's part is in it. */
async function cost(postgres, run) {
  const server = postgres?.backendMs() ?? 0;
  const begin = ownCpuMs();
  await run();
  const own = ownCpuMs() - begin;
  return own + (postgres?.backendMs() ?? 0) - server;
}

/** The statements and operations of the program, without its processes. */
const loadParts = () =>
  loadSource(
    "growth",
    `export { operations } from "./src/operations/index.ts";
     export { cleanups } from "./src/operations/support/retention.ts";
     export { createBounds } from "./src/operations/core/bounds.ts";
     export { invoke } from "./src/operations/core/invoke.ts";
     export { countOpen, oldestQueued } from "./src/store/counts.ts";
     export { migrate, readMigrations } from "./src/store/migrate.ts";
     export { openSqlite } from "./src/store/drivers/sqlite.ts";
     export { openPostgres } from "./src/store/drivers/postgres.ts";`,
  );

export async function growth() {
  const parts = await loadParts();
  const postgres = isServer ? await startPostgres() : undefined;
  const open = async (name) =>
    postgres
      ? parts.openPostgres({ url: await postgres.database(`growth_${name}`), pool: 10, random: Math.random })
      : parts.openSqlite(join(tempFolder(), `${name}.db`));
  const full = await prepare(parts, await open("full"));
  const floor = await prepare(parts, await open("floor"));
  await fill(full);
  const bytes = (await full.store.size()) - (await floor.store.size());
  await wait(full, WAITING);
  await wait(floor, 3);
  // What autovacuum does within a minute or so; SQLite goes without, as the product does.
  if (postgres) for (const { store } of [full, floor]) await store.read((sql) => sql("VACUUM ANALYZE"));

  const figures = [
    {
      name: "the database, for each message with one delivery",
      value: bytes / ROWS,
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
        times[which].push(await cost(postgres, () => run(place, round)));
      }
    }
    figures.push({
      name: `${name}, ${more.waits ? `${WAITING.toLocaleString("en")} wait` : `${ROWS.toLocaleString("en")} messages stored`}`,
      value: median(times.full),
      unit: "ms CPU",
      floor: median(times.floor),
      floorName: more.waits ? "3 wait" : "0 stored",
      ...(more.info ? { info: true } : { goal: { limit: more.waits ? 1.1 : 1.5, of: "ratio" } }),
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
  const environment = environmentOf(parts, store, isServer);
  const invoke = callerOf(parts);
  const call = (name, input, as) => invoke(environment, name, input, as);
  const peers = await registerPeers(call, PEERS);
  await call("create_pool", { name: "many", purpose: "to measure" }, peers[0]);
  for (const peer of peers.slice(1)) await call("join_pool", { pool: "many" }, peer);
  const { pools } = await call("list_pools", {});
  // What the pool reports of who joined is no part of this.
  for (const peer of peers) await readAll(call, peer);
  const quiet = await call("register", { name: "quiet", host: "elsewhere", host_pid: 1, cwd: "/quiet", held: [] });
  const place = { name: "behind", host: "elsewhere", host_pid: 2, cwd: "/behind", held: [] };
  const behind = { ...(await call("register", place)), host_pid: 2, name: "behind" };
  return { store, call, peers, quiet, behind, pool: pools[0].pool_id, now };
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

/** Messages that wait for the peer that is behind, one in a hundred an interrupt. */
async function wait({ store, peers, behind, now }, count) {
  // Between the numbers of what was finished.
  const begin = (now() - DAY_MS) * 1000 + 7;
  const numbers = "WITH RECURSIVE n(i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)";
  const urgent = "i % 100 = 50";
  for (let from = 0; from < count; from += AT_ONCE) {
    const to = Math.min(count, from + AT_ONCE);
    await store.tx(async (sql) => {
      await sql(
        `${numbers} INSERT INTO messages (message_id, seq, from_id, from_name, to_address, thread_id, urgency, text, sent_at, hops, answer, target)
         SELECT 'waiting-' || i, $3 + i * 1000, $4, $5, $6, 'waiting-' || i, CASE WHEN ${urgent} THEN 'interrupt' ELSE 'normal' END, $7, CAST($3 / 1000 AS BIGINT) + i, 0, '{}', $8 FROM n`,
        ...[from, to, begin, peers[0].peer_id, peers[0].name, behind.name, "x".repeat(100), behind.peer_id],
      );
      await sql(
        `${numbers} INSERT INTO deliveries (message_id, peer_id, seq, state, attempt, redelivered, payer, rank, characters)
         SELECT 'waiting-' || i, $3, $4 + i * 1000, 'queued', 0, 0, $5, CASE WHEN ${urgent} THEN 0 ELSE 1 END, 100 FROM n`,
        ...[from, to, behind.peer_id, begin, peers[0].peer_id],
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
    const { host_pid } = who(place, round);
    return place.call("heartbeat", { host_pid, held: [] }, who(place, round));
  };
  /** So many of `behindOthers` have a goal. The cost of the others is bounded, because counts end at 100, or it grows. */
  const GOALS = 3;
  /** Takes one message and gives it back, so that as much waits as before. */
  const takeOne = (name, input) => async (place) => {
    const { messages } = await place.call(name, input, place.behind);
    const acks = messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome: "returned" }));
    if (acks.length !== 1) throw new Error(`${name} took ${acks.length} messages`);
    await place.call("ack_messages", { acks }, place.behind);
  };
  const behindOthers = [
    ["a claim of one message, returned", takeOne("claim_messages", { limit: 1, budget: 9000 })],
    ["a check that takes one, returned", takeOne("check_messages", { limit: 1 })],
    [
      "send_message to it, by one sender each time",
      (place, round) => place.call("send_message", { to: "behind", text: `more ${round}` }, who(place, round)),
    ],
    ["its heartbeat", ({ call, behind }) => call("heartbeat", { host_pid: behind.host_pid, held: [] }, behind)],
    [
      "its return",
      ({ call, behind }) =>
        call("register", { name: "behind", host: "elsewhere", host_pid: 2, cwd: "/behind", held: [] }, behind),
    ],
    ["list_peers, its mailbox among them", (place, round) => place.call("list_peers", {}, who(place, round))],
    [
      "what /metrics and broker status count",
      ({ store }) => store.read(async (sql) => [await countOpen(sql), await oldestQueued(sql)]),
    ],
  ].map(([name, run], i) => [name, run, { waits: true, rounds: 50, info: i >= GOALS }]);
  return [
    ...behindOthers,
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
      (place, round) => place.call("send_message", { to: "@many", text: `all ${round}` }, who(place, round)),
      { rounds: 20 },
    ],
    ["list_peers", (place, round) => place.call("list_peers", {}, who(place, round)), { rounds: 20 }],
    [
      "pool_status",
      (place, round) => place.call("pool_status", { pool: "many" }, who(place, round)),
      { rounds: 20, info: true },
    ],
    ["messages, of a peer that was told nothing", (place) => place.call("messages", {}, place.quiet), { rounds: 20 }],
    [
      "messages, of one that said much",
      (place, round) => place.call("messages", { limit: 10 }, who(place, round)),
      { rounds: 20, info: true },
    ],
    ["messages --dead", (place) => place.call("messages", { dead: true }), { rounds: 20 }],
    ["clearing away, nothing to do", ({ store, now }) => store.tx((sql) => cleanups[0](sql, keep, now())), {}],
    [
      "clearing away 100 messages",
      // Ten days on, a third of a million may go.
      ({ store, now }) => store.tx((sql) => cleanups[0](sql, keep, now() + 20 * DAY_MS)),
      { rounds: 20, info: true },
    ],
  ];
}
