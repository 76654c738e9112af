/**
 * Full-text search in a million messages (`CCT_BENCH_ROWS`) of 30 words from a vocabulary of 20,000, as frequent as words of a
 * language, and what the index costs a send: the same send without the index, in turns. On SQLite the index is filled after
 * sends, in steps: their time, per message, is added to that of a send. CPU time with SQLite; with `CCT_BENCH_DATABASE_URL`, an
 * empty PostgreSQL, by the clock.
 */
import { join } from "node:path";
import { callerOf, environmentOf, ownCpuMs, registerPeers } from "./in-process.mjs";
import { root, tempFolder } from "./product.mjs";
import { loadSource } from "./source.mjs";
import { median } from "./stats.mjs";

const ROWS = Number(process.env.CCT_BENCH_ROWS ?? 1_000_000);
const PEERS = 50;
const WORDS = 20_000;
const AT_ONCE = 1_000;
const SENDS = 2_000;
const SEARCHES = 200;
/** Messages that come between two sweeps of the broker. */
const PER_SWEEP = 200;
const isServer = process.env.CCT_BENCH_DATABASE_URL !== undefined;
const clock = isServer ? () => performance.now() : ownCpuMs;

const loadParts = () =>
  loadSource(
    "search",
    `export { operations } from "./src/operations/index.ts";
     export { createBounds } from "./src/operations/core/bounds.ts";
     export { invoke } from "./src/operations/core/invoke.ts";
     export { indexSome } from "./src/operations/support/word-index.ts";
     export { migrate, readMigrations } from "./src/store/migrate.ts";
     export { markUnindexed } from "./src/store/search.ts";
     export { openSqlite } from "./src/store/drivers/sqlite.ts";
     export { openPostgres } from "./src/store/drivers/postgres.ts";`,
  );

export async function search() {
  const parts = await loadParts();
  const url = process.env.CCT_BENCH_DATABASE_URL;
  const store = url
    ? parts.openPostgres({ url, pool: 10, random: Math.random })
    : await parts.openSqlite(join(tempFolder(), "search.db"));
  await parts.migrate(store, await parts.readMigrations(join(root, "migrations")), Date.now());
  const place = await prepare(parts, store);
  const steps = await fill(parts, store, place.peers);
  if (url) await store.read((sql) => sql("ANALYZE"));
  const figures = [
    {
      name: "a step of building the index (100 messages)",
      value: median(steps),
      unit: isServer ? "ms" : "ms CPU",
      floor: 1,
      floorName: "ms",
      info: true,
    },
    await sends(parts, place, 1),
    await sends(parts, place, 8),
  ];
  for (const [name, ask] of Object.entries(queries(place))) {
    const times = [];
    let found = 0;
    for (let round = 0; round < SEARCHES; round++) {
      const [input, as] = ask(round);
      const begin = clock();
      found += (await place.call(place.indexed, "search", input, as)).messages.length;
      times.push(clock() - begin);
    }
    times.sort((a, b) => a - b);
    figures.push({
      name: `search, ${name}, p50 (p99 ${times[Math.floor(SEARCHES * 0.99)].toFixed(1)}; ${found / SEARCHES} found)`,
      value: median(times),
      unit: isServer ? "ms" : "ms CPU",
      floor: 50,
      floorName: "goal",
      goal: { limit: 1, of: "ratio" },
    });
  }
  await store.close();
  return figures;
}

/** A rank by Zipf's law: the word of rank 1 is in most messages. */
const rank = () => Math.min(WORDS, Math.floor(WORDS ** Math.random()));
const word = (n) => `w${n.toString(36)}`;

function queries({ peers }) {
  return {
    "a rare word": (i) => [{ query: word(15_000 + i) }, undefined],
    "a word in one of 300 messages": (i) => [{ query: word(900 + i) }, undefined],
    "a word in most messages": () => [{ query: word(1) }, undefined],
    "a frequent and a rare word": (i) => [{ query: `${word(1)} ${word(12_000 + i)}` }, undefined],
    "two words of the middle": (i) => [{ query: `${word(40 + (i % 50))} ${word(200 + i)}` }, undefined],
    "a beginning": (i) => [{ query: `${word(1_300 + i)}*` }, undefined],
    "of a peer, a word in one of 300": (i) => [{ query: word(900 + i) }, peers[i % PEERS]],
    "of a peer, a word in most": (i) => [{ query: word(1) }, peers[i % PEERS]],
    "of a peer, a rare word": (i) => [{ query: word(15_000 + i) }, peers[i % PEERS]],
  };
}

async function prepare(parts, store) {
  const environment = environmentOf(parts, store, isServer);
  const withoutIndex =
    (sql) =>
    (text, ...values) =>
      text.startsWith("INSERT INTO message_words") ? Promise.resolve([]) : sql(text, ...values);
  const bare = {
    ...environment,
    store: { ...store, tx: (work, ...rest) => store.tx((sql) => work(withoutIndex(sql)), ...rest) },
  };
  const call = callerOf(parts);
  const peers = await registerPeers((name, input) => call(environment, name, input), PEERS);
  return { call, peers, indexed: environment, bare };
}

/** Finished messages of the last 20 days. Returns what steps of indexing took. */
async function fill(parts, store, peers) {
  const begin = (Date.now() - 20 * 86_400_000) * 1000;
  const step = Math.floor((20 * 86_400_000_000 - 3_600_000_000) / ROWS);
  for (let from = 0; from < ROWS; from += AT_ONCE) {
    await store.tx(async (sql) => {
      for (let i = from; i < Math.min(ROWS, from + AT_ONCE); i += 100) {
        const rows = Array.from({ length: 100 }, (_, k) => i + k);
        const of = (n) => peers[(n * 7) % PEERS];
        const to = (n) => peers[(n * 7 + 1 + (n % 13)) % PEERS];
        await sql(
          `INSERT INTO messages (message_id, seq, from_id, from_name, to_address, thread_id, urgency, text, sent_at, hops, answer, target)
           VALUES ${rows.map((_, k) => `($${k * 8 + 1}, $${k * 8 + 2}, $${k * 8 + 3}, $${k * 8 + 4}, $${k * 8 + 5}, $${k * 8 + 1}, 'normal', $${k * 8 + 6}, $${k * 8 + 7}, 0, '{}', $${k * 8 + 8})`).join(", ")}`,
          ...rows.flatMap((n) => [
            `bench-${n}`,
            begin + n * step,
            of(n).peer_id,
            of(n).name,
            to(n).name,
            Array.from({ length: 30 }, () => word(rank())).join(" "),
            Math.floor((begin + n * step) / 1000),
            to(n).peer_id,
          ]),
        );
        await sql(
          `INSERT INTO deliveries (message_id, peer_id, seq, state, attempt, redelivered)
           VALUES ${rows.map((_, k) => `($${k * 3 + 1}, $${k * 3 + 2}, $${k * 3 + 3}, 'read', 1, 0)`).join(", ")}`,
          ...rows.flatMap((n) => [`bench-${n}`, to(n).peer_id, begin + n * step]),
        );
      }
    });
  }
  await store.tx(parts.markUnindexed);
  const times = [];
  for (let more = true; more; ) {
    const from = clock();
    more = await store.tx(parts.indexSome, "snapshot");
    times.push(clock() - from);
  }
  return times;
}

/** Sends with the index beside sends without, in turns: one at a time, or several, which share a transaction. */
async function sends({ indexSome }, { call, peers, indexed, bare }, atOnce) {
  const times = { indexed: 0, bare: 0, steps: 0 };
  let left = 0;
  for (let round = 0; round < SENDS / atOnce; round++) {
    const both = Object.entries({ indexed, bare });
    for (const [which, where] of round % 2 ? both : both.reverse()) {
      const texts = Array.from(
        { length: atOnce },
        (_, i) => `${which} ${round} ${i} ${Array.from({ length: 28 }, () => word(rank())).join(" ")}`,
      );
      const begin = clock();
      await Promise.all(
        texts.map((text, i) =>
          call(where, "send_message", { to: peers[(round + i + 1) % PEERS].name, text }, peers[(round + i) % PEERS]),
        ),
      );
      times[which] += clock() - begin;
      left += atOnce;
    }
    if (left < PER_SWEEP && round < SENDS / atOnce - 1) continue;
    const begin = clock();
    while (await indexed.store.tx(indexSome, "snapshot", () => true));
    // Both kinds are indexed.
    times.steps += (clock() - begin) / 2;
    left = 0;
  }
  const alone = (times.indexed / SENDS).toFixed(3);
  return {
    name: `send_message, ${atOnce === 1 ? "" : `${atOnce} at once, `}mean (${alone} until it is answered)`,
    value: (times.indexed + times.steps) / SENDS,
    unit: isServer ? "ms" : "ms CPU",
    floor: times.bare / SENDS,
    floorName: "without the index",
    goal: { limit: 1.1, of: "ratio" },
  };
}
