/** What sessions cost: heartbeats, taking mail, open streams, and a hundred thousand known peers. */
import { call } from "../http.mjs";
import { cpuMs, residentMiB } from "../postgres.mjs";
import { pause } from "../process.mjs";
import { headers, startBroker } from "../product.mjs";
import { privateMemory } from "../server.mjs";
import { median } from "../stats.mjs";
import { openStream } from "./hints.mjs";
import { BROKERS, CONNECTIONS, cost, each, info, load, PEERS, ROUNDS, TEXT, tidy, turn } from "./place.mjs";

const MANY_PEERS = 100_000;
const BEAT_MS = 10_000;
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

/** CPU time per second (ms) without requests: of a broker, and of PostgreSQL. */
export async function idleCost(place, broker = place.brokers[0]) {
  await tidy(place);
  await pause(2_000);
  const cpu = () => [cpuMs(broker.pid), place.postgres.cpuMs()];
  const before = cpu();
  await pause(IDLE_MS);
  return cpu().map((ms, i) => (ms - before[i]) / (IDLE_MS / 1000));
}

/** Sends heartbeats of all peers, evenly spread over ten seconds, until the returned function is called. */
function beating({ http, peers }, broker) {
  const next = turn(peers);
  const timer = setInterval(() => {
    const { claude_pid, headers } = next().peer;
    call(http, broker, "heartbeat", { claude_pid, presence: "idle", held: [] }, headers).catch(() => {});
  }, BEAT_MS / peers.length);
  return () => clearInterval(timer);
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

/** PostgreSQL's memory for each pooled connection. */
export const connectionMemory = ({ postgres }) =>
  info("memory of PostgreSQL for a connection", median(postgres.connections().map(privateMemory)), "MiB");

/** Latency of a session's operations, one at a time. */
export async function known(place) {
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

/** The same latencies with a hundred thousand known peers. */
export async function crowd(place, first, idle) {
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
