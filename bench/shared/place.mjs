/** Where the benches of several brokers run: a PostgreSQL, three brokers, a thousand peers, and the load on them. */
import { call, client } from "../http.mjs";
import { cpuMs } from "../postgres.mjs";
import { pause } from "../process.mjs";
import { headers, startBroker } from "../product.mjs";
import { median } from "../stats.mjs";

export const BROKERS = 3;
export const CONNECTIONS = 32;
export const POOL = 10;
export const PEERS = 1_000;
export const ROUNDS = 3;
const ROUND_MS = 2_500;
/** Read messages stored before the run, so that PostgreSQL plans with realistic statistics. */
const STORED = 50_000;
export const TEXT = "x".repeat(200);

/** Starts three brokers and registers a thousand peers with a device token, as sessions on other machines do. */
export async function open(postgres) {
  const url = await postgres.database("cct");
  const brokers = [];
  const environment = {
    CCT_DATABASE_URL: url,
    CCT_DATABASE_POOL: String(POOL),
    CCT_MAX_PEERS: "1000000",
    // With an unconfirmed clock, as in its first minutes, a broker does no housekeeping.
    CCT_CLOCK_CONFIRM_SECONDS: "0",
  };
  for (let i = 0; i < BROKERS; i++) brokers.push(await startBroker(environment));
  const http = client(CONNECTIONS);
  const { token } = await call(http, brokers[0], "add_device", { name: "bench" }, headers(brokers[0]));
  const place = { postgres, url, environment, brokers, http, token, peers: [], ask: (text) => postgres.ask(url, text) };
  const begin = performance.now();
  await each(CONNECTIONS, PEERS, async (i) => {
    place.peers[i] = await register(place, i);
  });
  const seconds = (performance.now() - begin) / 1000;
  await fill(place);
  const name = `registrations of newcomers, ${CONNECTIONS} at once at ${BROKERS} brokers`;
  return { ...place, registrations: info(name, PEERS / seconds, "/s") };
}

async function fill({ ask, peers }) {
  const from = (Date.now() - 7 * 86_400_000) * 1000;
  await ask(
    `INSERT INTO messages (message_id, seq, from_id, from_name, to_address, thread_id, urgency, text, sent_at, hops, answer, target)
     SELECT 'stored-' || i, ${from} + i::bigint * 1000000, a.peer_id, a.name, b.name, 'stored-' || i, 'normal', repeat('x', 200), ${from} / 1000 + i::bigint * 1000, 0, repeat(' ', 150), b.peer_id
     FROM generate_series(1, ${STORED}) AS i JOIN peers a ON a.claude_pid = 1000 + i % ${peers.length} JOIN peers b ON b.claude_pid = 1000 + (i + 1) % ${peers.length}`,
  );
  await ask(
    `INSERT INTO deliveries (message_id, peer_id, seq, state, attempt, redelivered, delivered_at, read_at, lost, via, batch)
     SELECT message_id, target, seq, 'read', 1, 0, sent_at + 50, sent_at + 5000, 0, 'tool', message_id FROM messages`,
  );
  await ask("VACUUM ANALYZE");
}

async function register({ http, brokers, token }, i) {
  const host_pid = 1000 + i;
  const where = { host: "elsewhere", host_pid, cwd: `/bench/${i}`, name: `session-of-${i}`, held: [] };
  const mine = headers({ token });
  const { peer_id, secret, name } = await untilAccepted(() =>
    call(http, brokers[i % brokers.length], "register", where, mine),
  );
  return { host_pid, name, peer_id, headers: headers({ token }, { peer_id, secret }) };
}

/** Newcomers that collided too often try again, as sessions do. */
async function untilAccepted(register) {
  for (let tries = 1; ; tries++) {
    try {
      return await register();
    } catch (error) {
      if (tries === 20 || !/answered 409/.test(String(error))) throw error;
      await pause(1_000);
    }
  }
}

/** Runs `work` `times` times with a concurrency of `atOnce`. */
export async function each(atOnce, times, work) {
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < times) await work(next++);
    }),
  );
}

/** Resets the state between rounds: all peers seen just now, all mail read. */
export async function tidy({ ask }) {
  await ask(`UPDATE peers SET last_seen = ${Date.now()}`);
  await ask(
    "UPDATE deliveries SET state = 'read', delivered_at = seq / 1000, read_at = seq / 1000 WHERE state IN ('queued', 'claimed', 'delivered')",
  );
}

/** Repeats a request over all connections for ROUND_MS. Returns the rate, and CPU time (ms) and WAL (KiB) per request. */
export async function load({ brokers, postgres, ask }, request) {
  const cpu = () => ({ brokers: brokers.map(({ pid }) => cpuMs(pid)), postgres: postgres.cpuMs() });
  const written = async () => Number((await ask("SELECT pg_current_wal_lsn() - '0/0' AS bytes"))[0].bytes);
  const wal = await written();
  const before = cpu();
  const begin = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, worker) => {
      while (performance.now() - begin < ROUND_MS) {
        await request(worker);
        done++;
      }
    }),
  );
  const seconds = (performance.now() - begin) / 1000;
  const after = cpu();
  return {
    rate: done / seconds,
    done,
    wal: ((await written()) - wal) / 1024 / done,
    postgres: (after.postgres - before.postgres) / done,
    brokers: after.brokers.map((ms, i) => (ms - before.brokers[i]) / done),
  };
}

export const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);
export const info = (name, value, unit) => ({ name, value, unit, info: true });

/** Cycles through all peers: the next sender and recipient. */
export function turn(peers) {
  let next = 0;
  return () => {
    const i = next++ % peers.length;
    return { peer: peers[i], other: peers[(i + 1) % peers.length] };
  };
}

/** Figures for the cost of one operation at one broker: CPU of the broker, CPU and WAL of PostgreSQL. */
export const cost = (name, runs, floor) => [
  info(`${name}, CPU of the broker`, median(runs.map(({ brokers }) => brokers[0])), "ms"),
  {
    ...info(`${name}, CPU of PostgreSQL`, median(runs.map(({ postgres }) => postgres)), "ms"),
    ...(floor && { floor: median(floor.map(({ postgres }) => postgres)), floorName: "a bare transaction" }),
  },
  {
    ...info(`${name}, written to PostgreSQL's log (WAL)`, median(runs.map(({ wal }) => wal)), "KiB"),
    ...(floor && { floor: median(floor.map(({ wal }) => wal)), floorName: "a bare transaction" }),
  },
];
