/**
 * Several brokers on one PostgreSQL (a real one, with fsync): what they do per second beside a server that does one bare
 * insert per request, how long a hint takes from broker to broker beside bare LISTEN and NOTIFY, and what each operation,
 * an open stream and a hundred thousand known peers cost. All on one machine, the clients too: rates tell little of
 * machines of their own, processor time per operation does.
 */
import { randomUUID } from "node:crypto";
import { get } from "node:http";
import pg from "pg";
import { atEnd } from "./cleanup.mjs";
import { call, client } from "./http.mjs";
import { cpuMs, residentMiB, startPostgres } from "./postgres.mjs";
import { pause, startHelper } from "./process.mjs";
import { headers, startBroker } from "./product.mjs";
import { privateMemory } from "./server.mjs";
import { median, quantile } from "./stats.mjs";

const BROKERS = 3;
const CONNECTIONS = 32;
const POOL = 10;
const PEERS = 1_000;
const MANY_PEERS = 100_000;
const ROUNDS = 3;
const ROUND_MS = 2_500;
const HINTS = 150;
const BEAT_MS = 10_000;
const IDLE_MS = 15_000;
/** Finished messages that lie in the tables from the beginning, so that PostgreSQL has its statistics as in life. */
const STORED = 50_000;
const TEXT = "x".repeat(200);
/** What a message and its delivery take in their tables, without indexes. */
const ROW_BYTES = 700;

export async function shared() {
  let postgres;
  try {
    postgres = await startPostgres();
  } catch (error) {
    return [{ name: "several brokers on PostgreSQL", notMeasured: String(error.message ?? error) }];
  }
  const place = await open(postgres);
  const first = await known(place);
  const idle = await idleCost(place);
  const figures = [place.registrations, ...(await sends(place)), ...(await hints(place)), ...(await operations(place))];
  figures.push(...(await streams(place)), connectionMemory(place));
  figures.push(...(await crowd(place, first, idle)));
  for (const broker of place.brokers) await broker.end();
  return figures;
}

/** Three brokers, and a thousand peers that come from another machine, by its token, as sessions of an organisation do. */
async function open(postgres) {
  const url = await postgres.database("cct");
  const brokers = [];
  const environment = { CCT_DATABASE_URL: url, CCT_DATABASE_POOL: String(POOL) };
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
  const claude_pid = 1000 + i;
  const where = { host: "elsewhere", claude_pid, cwd: `/bench/${i}`, name: `session-of-${i}`, held: [] };
  const mine = headers({ token });
  const { peer_id, secret, name } = await call(http, brokers[i % brokers.length], "register", where, mine);
  return { claude_pid, name, peer_id, headers: headers({ token }, { peer_id, secret }) };
}

/** Does something `times` times, so many at a time. */
async function each(atOnce, times, work) {
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < times) await work(next++);
    }),
  );
}

/** Everybody was heard of just now, and all mail is read: so that a round finds what the one before found. */
async function tidy({ ask }) {
  await ask(`UPDATE peers SET last_seen = ${Date.now()}`);
  await ask(
    "UPDATE deliveries SET state = 'read', delivered_at = seq / 1000, read_at = seq / 1000 WHERE state IN ('queued', 'claimed', 'delivered')",
  );
}

/** Repeats something over all connections for a while: how often per second, and processor time of each. */
async function load({ brokers, postgres, ask }, request) {
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

const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);
const info = (name, value, unit) => ({ name, value, unit, info: true });

/** Whose turn it is, of all peers. */
function turn(peers) {
  let next = 0;
  return () => {
    const i = next++ % peers.length;
    return { peer: peers[i], other: peers[(i + 1) % peers.length] };
  };
}

async function sends(place) {
  const { url, brokers, http, peers, ask } = place;
  await ask("CREATE TABLE bare (id TEXT PRIMARY KEY, text TEXT NOT NULL)");
  const bare = await startHelper("helpers/insert.mjs", { url, pool: POOL, size: ROW_BYTES });
  const direct = new pg.Client(url);
  await direct.connect();
  const next = turn(peers);
  const send = (count) => (worker) => {
    const { peer, other } = next();
    return call(http, brokers[worker % count], "send_message", { to: other.name, text: TEXT }, peer.headers);
  };
  const body = JSON.stringify({ to: "session-of-1", text: TEXT });
  const ways = {
    bare: () => load(place, () => http.post(bare.said.url, headers({ token: "x" }), body)),
    1: () => load(place, send(1)),
    2: () => load(place, send(2)),
    3: () => load(place, send(3)),
    insert: () => load({ ...place, brokers: [] }, inOrder(direct)),
  };
  const before = await retries(place);
  const runs = { bare: [], 1: [], 2: [], 3: [], insert: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, run] of Object.entries(ways)) {
      await tidy(place);
      const result = await run();
      // The first round warms up.
      if (round > 0) runs[name].push(result);
    }
  }
  const after = await retries(place);
  const floor = median(runs.bare.map(({ rate }) => rate));
  await bare.end();
  await direct.end();
  const rate = (count) => ({
    name: `durable sends, ${CONNECTIONS} connections, ${count} broker${count > 1 ? "s" : ""}`,
    value: median(runs[count].map((run) => run.rate)),
    unit: "/s",
    floor,
    floorName: "one INSERT per request",
  });
  const all = [...runs[1], ...runs[2], ...runs[3]];
  return [
    rate(1),
    rate(2),
    rate(3),
    info("INSERT on one connection, one after the other", median(runs.insert.map((run) => run.rate)), "/s"),
    info(
      "transactions run again, of 1,000 sends",
      ((after.retries - before.retries) / sum(all.map((run) => run.done))) * 1000,
    ),
    info("transactions given up", after.conflicts - before.conflicts),
    ...cost("a send", runs[1], runs.bare),
    info(
      "a hint heard from another broker, CPU",
      median(runs[1].map(({ brokers: [, ...others] }) => sum(others) / others.length)),
      "ms",
    ),
  ];
}

/** One row after the other on one connection, whatever the number of workers. */
function inOrder(direct) {
  let last = Promise.resolve();
  const text = "INSERT INTO bare (id, text) VALUES ($1, $2)";
  return () => {
    last = last.then(() => direct.query({ name: "insert", text, values: [randomUUID(), "x".repeat(ROW_BYTES)] }));
    return last;
  };
}

/** Processor time of one operation at one broker: of the broker, and of PostgreSQL. */
const cost = (name, runs, floor) => [
  info(`${name}, CPU of the broker`, median(runs.map(({ brokers }) => brokers[0])), "ms"),
  {
    ...info(`${name}, CPU of PostgreSQL`, median(runs.map(({ postgres }) => postgres)), "ms"),
    ...(floor && { floor: median(floor.map(({ postgres }) => postgres)), floorName: "one INSERT" }),
  },
  {
    ...info(`${name}, written to PostgreSQL's log (WAL)`, median(runs.map(({ wal }) => wal)), "KiB"),
    ...(floor && { floor: median(floor.map(({ wal }) => wal)), floorName: "one INSERT" }),
  },
];

async function retries({ brokers }) {
  const counts = { retries: 0, conflicts: 0 };
  for (const broker of brokers) {
    const text = await new Promise((resolve, reject) => {
      get(`${broker.url}/metrics`, { agent: false, headers: headers(broker) }, (response) => {
        let all = "";
        response.setEncoding("utf8").on("data", (part) => {
          all += part;
        });
        response.on("end", () => resolve(all));
      }).on("error", reject);
    });
    for (const name of Object.keys(counts))
      counts[name] += Number(new RegExp(`^cct_store_${name}_total (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  }
  return counts;
}

/** A peer's event stream; `next` answers when it next says that there is mail. */
async function openStream(broker, peer) {
  let tell = () => {};
  await new Promise((resolve, reject) => {
    const request = get(`${broker.url}/events`, { agent: false, headers: peer.headers }, (response) => {
      response.setEncoding("utf8").on("data", (text) => {
        if (text.includes("event: mail")) tell(performance.now());
        resolve();
      });
    });
    atEnd(() => request.destroy());
    request.on("error", reject);
  });
  return {
    next: () =>
      new Promise((resolve) => {
        tell = resolve;
      }),
  };
}

async function hints(place) {
  const { url, brokers, http, peers } = place;
  await tidy(place);
  const [a, b] = brokers;
  const here = await openStream(a, peers[1]);
  const there = await openStream(b, peers[2]);
  const [listener, speaker] = [new pg.Client(url), new pg.Client(url)];
  await listener.connect();
  await speaker.connect();
  await listener.query("LISTEN bench");
  const sendAndHear = (stream, to) => async () => {
    const heard = stream.next();
    const begin = performance.now();
    const sent = call(http, a, "send_message", { to: to.name, text: TEXT }, peers[0].headers);
    const at = await heard;
    await sent;
    return at - begin;
  };
  const ways = {
    bare: async () => {
      const heard = new Promise((resolve) => listener.once("notification", () => resolve(performance.now())));
      const begin = performance.now();
      const said = speaker.query("SELECT pg_notify('bench', '1')");
      const at = await heard;
      await said;
      return at - begin;
    },
    here: sendAndHear(here, peers[1]),
    there: sendAndHear(there, peers[2]),
  };
  const times = { bare: [], here: [], there: [] };
  for (let i = 0; i < HINTS + 30; i++) {
    for (const [name, run] of Object.entries(ways)) {
      const took = await run();
      if (i >= 30) times[name].push(took);
      await pause(2);
    }
  }
  await listener.end();
  await speaker.end();
  return [0.5, 0.95].flatMap((q) => {
    const figure = (name, side, floor, floorName) => ({
      name: `${name}, p${q * 100}`,
      value: quantile(times[side], q),
      unit: "ms",
      floor: quantile(times[floor], q),
      floorName,
    });
    return [
      figure("send at A → event at B", "there", "bare", "NOTIFY → LISTEN"),
      figure("send at A → event at B", "there", "here", "send at A → event at A"),
    ];
  });
}

/** What a heartbeat costs, and to take a message: claimed, said to be delivered, said to be read. */
async function operations(place) {
  const { brokers, http, peers } = place;
  const [broker] = brokers;
  const next = turn(peers);
  const beats = [];
  const takes = [];
  for (let round = 0; round <= ROUNDS; round++) {
    await tidy(place);
    const beat = await load(place, () => {
      const { claude_pid, headers } = next().peer;
      return call(http, broker, "heartbeat", { claude_pid, presence: "idle", held: [] }, headers);
    });
    await tidy(place);
    await each(CONNECTIONS, PEERS, (i) => {
      const [from, to] = [peers[i], peers[(i + 1) % PEERS]];
      return call(http, broker, "send_message", { to: to.name, text: TEXT }, from.headers);
    });
    let taken = 0;
    const take = await load(place, async () => {
      if (taken >= PEERS) return pause(20);
      const { headers } = peers[taken++];
      const { messages } = await call(http, broker, "claim_messages", { limit: 20, budget: 9000 }, headers);
      const acks = (outcome) => messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome }));
      await call(http, broker, "ack_messages", { acks: acks("delivered"), via: "tool", batch: "1" }, headers);
      await call(http, broker, "ack_messages", { acks: acks("read") }, headers);
    });
    if (round === 0) continue;
    beats.push(beat);
    // Of what was taken, not of the turns after.
    const share = take.done / Math.min(taken, PEERS);
    takes.push({
      ...take,
      wal: take.wal * share,
      postgres: take.postgres * share,
      brokers: take.brokers.map((ms) => ms * share),
    });
  }
  return [
    info(`heartbeats, ${CONNECTIONS} connections, 1 broker`, median(beats.map(({ rate }) => rate)), "/s"),
    ...cost("a heartbeat", beats),
    ...cost("a message taken (claim, delivered, read)", takes),
  ];
}

/** Processor time per second when nothing is asked, in ms: of a broker, and of PostgreSQL. */
async function idleCost(place, broker = place.brokers[0]) {
  await tidy(place);
  await pause(2_000);
  const cpu = () => [cpuMs(broker.pid), place.postgres.cpuMs()];
  const before = cpu();
  await pause(IDLE_MS);
  return cpu().map((ms, i) => (ms - before[i]) / (IDLE_MS / 1000));
}

/** As long as it lasts, all peers beat every ten seconds, one after the other. */
function beating({ http, peers }, broker) {
  const next = turn(peers);
  const timer = setInterval(() => {
    const { claude_pid, headers } = next().peer;
    call(http, broker, "heartbeat", { claude_pid, presence: "idle", held: [] }, headers).catch(() => {});
  }, BEAT_MS / peers.length);
  return () => clearInterval(timer);
}

/** A thousand open streams at a broker that has done nothing yet: memory, the look for missed hints, and heartbeats as in life. */
async function streams(place) {
  const { peers, environment } = place;
  const broker = await startBroker(environment);
  const idle = await idleCost(place, broker);
  const before = residentMiB(broker.pid);
  await each(8, PEERS, (i) => openStream(broker, peers[i]));
  await pause(5_000);
  const after = residentMiB(broker.pid);
  const [busy, database] = await idleCost(place, broker);
  const endBeats = beating(place, broker);
  const [alive, databaseAlive] = await idleCost(place, broker);
  endBeats();
  await broker.end();
  return [
    info("memory of a broker without streams", before, "MiB"),
    info(`memory of the broker for a stream (${PEERS} open)`, ((after - before) / PEERS) * 1024, "KiB"),
    { ...info(`CPU of a broker that holds ${PEERS} idle streams`, busy, "ms/s"), floor: idle[0], floorName: "none" },
    { ...info("CPU of PostgreSQL meanwhile", database, "ms/s"), floor: idle[1], floorName: "no streams" },
    info(`CPU of the broker of ${PEERS} sessions that beat every ${BEAT_MS / 1000} s`, alive, "ms/s"),
    info("CPU of PostgreSQL meanwhile, heartbeats", databaseAlive, "ms/s"),
  ];
}

/** What each connection of the brokers' pools takes at PostgreSQL. */
const connectionMemory = ({ postgres }) =>
  info("memory of PostgreSQL for a connection", median(postgres.connections().map(privateMemory)), "MiB");

/** One at a time: how long a session's operations take. */
async function known(place) {
  const { http, brokers, peers } = place;
  const [broker] = brokers;
  await tidy(place);
  const times = { register: [], heartbeat: [], send: [] };
  const timed = async (name, work) => {
    const begin = performance.now();
    await work();
    times[name].push(performance.now() - begin);
  };
  for (let i = 0; i < 50; i++) {
    const { claude_pid, headers: mine } = peers[i];
    const where = { host: "elsewhere", claude_pid: 1, cwd: "/bench", name: `session-of-${i}`, held: [] };
    await timed("register", () => call(http, broker, "register", where, headers(place)));
    await timed("heartbeat", () => call(http, broker, "heartbeat", { claude_pid, held: [] }, mine));
    await timed("send", () => call(http, broker, "send_message", { to: peers[i + 1].name, text: TEXT }, mine));
  }
  return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
}

/** The same when a hundred thousand peers are known. */
async function crowd(place, first, idle) {
  await place.ask(
    `INSERT INTO peers (peer_id, name, name_key, secret_hash, host, claude_pid, cwd, summary, presence, last_seen, created_at)
     SELECT md5(i::text), 'crowd-' || i, 'crowd-' || i, 'none', 'host-' || i % 5000, i, '/home/ann/project', 'works', 'idle', ${Date.now()}, ${Date.now()}
     FROM generate_series(1, ${MANY_PEERS}) AS i`,
  );
  await place.ask("VACUUM ANALYZE peers");
  const times = await known(place);
  const [broker, database] = await idleCost(place);
  const of = (name, what) => ({
    name: `${name}, ${MANY_PEERS.toLocaleString("en")} peers known`,
    value: times[what],
    unit: "ms",
    floor: first[what],
    floorName: `${PEERS.toLocaleString("en")} known`,
  });
  return [
    of("registration of a newcomer", "register"),
    of("heartbeat", "heartbeat"),
    of("send_message", "send"),
    { ...info("CPU of an idle broker, all of them known", broker, "ms/s"), floor: idle[0], floorName: "1,000 known" },
    {
      ...info(`CPU of PostgreSQL for ${BROKERS} such brokers`, database, "ms/s"),
      floor: idle[1],
      floorName: "1,000 known",
    },
  ];
}
