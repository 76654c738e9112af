/** What sessions cost: heartbeats, taking mail, open streams, and a hundred thousand known peers. */
import { call } from "../http.mjs";
import { cpuMs, residentMiB } from "../postgres.mjs";
import { pause } from "../process.mjs";
import { headers, startBroker } from "../product.mjs";
import { privateMemory } from "../server.mjs";
import { median } from "../stats.mjs";
import { openStream } from "./hints.mjs";
import { BROKERS, CONNECTIONS, cost, each, info, load, PEERS, ROUNDS, sum, TEXT, tidy, turn } from "./place.mjs";

const MANY_PEERS = 100_000;
/**
 * Heartbeats per second: of a thousand sessions, a quarter of which works (every 10 s) while the others idle (every 30 s), and of
 * four times as many.
 */
const RATES = [50, 200];
const IDLE_MS = 15_000;

/** The cost of a heartbeat, and of taking a message: claim, acknowledge as delivered, acknowledge as read. */
export async function operations(place) {
  const { brokers, http, peers } = place;
  const [broker] = brokers;
  const next = turn(peers);
  const beats = [];
  const takes = [];
  for (let round = 0; round <= ROUNDS; round++) {
    await tidy(place);
    const beat = await load(place, () => {
      const { host_pid, headers } = next().peer;
      return call(http, broker, "heartbeat", { host_pid, presence: "idle", held: [] }, headers);
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
    // Only the requests that took a message count.
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

/** CPU time per second (ms) without requests: of these brokers together, and of PostgreSQL. */
async function idleCost(place, ...brokers) {
  await tidy(place);
  // Otherwise autovacuum may come meanwhile, for the rows that this has changed.
  await place.ask("VACUUM peers");
  await pause(2_000);
  const cpu = () => [sum(brokers.map(({ pid }) => cpuMs(pid))), place.postgres.cpuMs()];
  const before = cpu();
  await pause(IDLE_MS);
  return cpu().map((ms, i) => (ms - before[i]) / (IDLE_MS / 1000));
}

/** Sends so many heartbeats per second, of all peers in turn and evenly spread, until the returned function is called. */
function beating({ http, peers }, broker, rate) {
  const next = turn(peers);
  const begin = performance.now();
  let sent = 0;
  let answered = 0;
  // A timer of a busy process is late: what is due by now is sent.
  const timer = setInterval(() => {
    for (const due = ((performance.now() - begin) / 1000) * rate; sent < due; sent++) {
      const { host_pid, headers } = next().peer;
      call(http, broker, "heartbeat", { host_pid, presence: "idle", held: [] }, headers)
        .then(() => answered++)
        .catch(() => {});
    }
  }, 1);
  return () => {
    clearInterval(timer);
    return answered / ((performance.now() - begin) / 1000);
  };
}

/** A thousand open streams at a fresh broker: memory, the check for missed hints, and realistic heartbeats. */
export async function streams(place) {
  const { peers, environment } = place;
  const broker = await startBroker(environment);
  const idle = await idleCost(place, broker);
  const before = residentMiB(broker.pid);
  await each(8, PEERS, (i) => openStream(broker, peers[i]));
  await pause(5_000);
  const after = residentMiB(broker.pid);
  const [busy, database] = await idleCost(place, broker);
  const beats = [];
  for (const rate of RATES) {
    const end = beating(place, broker, rate);
    const [alive, databaseAlive] = await idleCost(place, broker);
    const rest = `${rate} heartbeats per second (${end().toFixed(0)} were answered)`;
    beats.push(
      info(`CPU of a broker with ${rest}`, alive, "ms/s"),
      info(`CPU of PostgreSQL with ${rest}`, databaseAlive, "ms/s"),
    );
  }
  await broker.end();
  return [
    info("memory of a broker without streams", before, "MiB"),
    info(`memory of the broker for a stream (${PEERS} open)`, ((after - before) / PEERS) * 1024, "KiB"),
    { ...info(`CPU of a broker that holds ${PEERS} idle streams`, busy, "ms/s"), floor: idle[0], floorName: "none" },
    { ...info("CPU of PostgreSQL meanwhile", database, "ms/s"), floor: idle[1], floorName: "no streams" },
    ...beats,
  ];
}

/** PostgreSQL's memory for each pooled connection. */
export const connectionMemory = ({ postgres }) =>
  info("memory of PostgreSQL for a connection", median(postgres.connections().map(privateMemory)), "MiB");

const CALLS = 200;

/** CPU time of a session's operations, one at a time: of broker and PostgreSQL together, because latency depends on other work. */
async function known({ postgres, token, http, brokers, peers }) {
  const [broker] = brokers;
  const mine = headers({ token });
  const cpu = () => cpuMs(broker.pid) + postgres.cpuMs();
  const work = {
    register: (i) =>
      call(
        http,
        broker,
        "register",
        { host: "there", host_pid: 1, cwd: "/bench", name: `session-of-${i}`, held: [] },
        mine,
      ),
    heartbeat: (i) => call(http, broker, "heartbeat", { host_pid: peers[i].host_pid, held: [] }, peers[i].headers),
    send: (i) => call(http, broker, "send_message", { to: peers[i + 1].name, text: TEXT }, peers[i].headers),
  };
  const costs = {};
  for (const [name, run] of Object.entries(work)) {
    const before = cpu();
    for (let i = 0; i < CALLS; i++) await run(i);
    costs[name] = (cpu() - before) / CALLS;
  }
  return costs;
}

/** The same, and the cost of idle brokers, with a thousand known peers and with a hundred thousand: of brokers that are warm. */
export async function crowd(place) {
  // Rows that no longer count make each operation slower, and the plans of a table without statistics are others.
  await place.ask("VACUUM ANALYZE");
  await known(place);
  const first = await known(place);
  // Soon after a load, a process does what it put off.
  await pause(IDLE_MS);
  // Of all brokers: one of them, whichever comes first, does the housekeeping.
  const idle = await idleCost(place, ...place.brokers);
  await place.ask(
    `INSERT INTO peers (peer_id, name, name_key, secret_hash, host, claude_pid, cwd, summary, presence, last_seen, created_at)
     SELECT md5(i::text), 'crowd-' || i, 'crowd-' || i, 'none', 'host-' || i % 5000, i, '/home/ann/project', 'works', 'idle', ${Date.now()}, ${Date.now()}
     FROM generate_series(1, ${MANY_PEERS}) AS i`,
  );
  await place.ask("VACUUM ANALYZE");
  const times = await known(place);
  await pause(IDLE_MS);
  const [brokers, database] = await idleCost(place, ...place.brokers);
  const of = (name, what) => ({
    name: `${name}, CPU of broker and PostgreSQL, ${MANY_PEERS.toLocaleString("en")} peers known`,
    value: times[what],
    unit: "ms",
    floor: first[what],
    floorName: `${PEERS.toLocaleString("en")} known`,
  });
  return [
    of("registration of a newcomer", "register"),
    of("heartbeat", "heartbeat"),
    of("send_message", "send"),
    {
      ...info(`CPU of ${BROKERS} idle brokers, all of them known`, brokers, "ms/s"),
      floor: idle[0],
      floorName: "1,000 known",
    },
    {
      ...info("CPU of PostgreSQL for them", database, "ms/s"),
      floor: idle[1],
      floorName: "1,000 known",
    },
  ];
}
