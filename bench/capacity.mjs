/**
 * Capacity planning: the brokers and cores that a deployment needs, calculated from the measured cost of each operation
 * (`npm run bench -- shared`) and a model of what sessions do. Nothing is measured here; every number is in this file or
 * an option.
 *
 *     node bench/capacity.mjs                            10, 1,000 and 100,000 sessions
 *     node bench/capacity.mjs --sessions 5000 --messages 60 --idle 60
 */
import { parseArgs } from "node:util";

/**
 * Measured (`docs/scaling.md` says when and where): processor time in milliseconds, WAL and memory in KiB. `heartbeats`: milliseconds in
 * each second at so many heartbeats per second, because a process with little to do spends more on each. `notify`: for each
 * broker that listens, also where it is for another one.
 */
export const costs = {
  broker: {
    heartbeats: { 49: 81, 97: 116, 264: 182 },
    send: 0.46,
    take: 1.77,
    heard: 0.02,
    stream: 0.001,
    memory: 68 * 1024,
    perConnection: 45,
  },
  database: {
    heartbeats: { 49: 49, 97: 82, 264: 195 },
    send: 0.37,
    take: 1.94,
    stream: 0.004,
    notify: 0.025,
    perConnection: 2.2 * 1024,
  },
  wal: { heartbeat: 0.71, send: 1.84, take: 2.65 },
  /** A message of 200 characters with its delivery and all indexes (`npm run bench -- growth`). */
  stored: 1269 / 1024,
};

/** The load model, and the utilisation to plan for. */
export const usual = {
  /** Share of the open sessions that work just now, and what each of these sends within an hour. */
  active: 0.25,
  messages: 20,
  /** Deliveries of one message: more than 1 where pools are talked to. */
  recipients: 1.5,
  /** The busiest minutes beside the mean. */
  peak: 3,
  /** Hours of work in a day, for what is written and stored. */
  hours: 10,
  keep: 30,
  /** Seconds between two heartbeats of a session that works or has claims, and of one that idles (`idle_heartbeat_seconds`). */
  beat: 10,
  idle: 30,
  /** `database_pool` and `max_connections`. */
  pool: 10,
  connections: 4096,
  /** Share of a processor, and of a broker's connections, that is planned with. */
  fill: 0.5,
};

/** Connections that a session holds: its stream, and one for its requests. */
const SESSION_CONNECTIONS = 2;
/** A broker sends this many NOTIFY per second at most: one in 5 ms. */
const MOST_NOTIFIES = 200;

/** The cost of `rate` heartbeats per second: in a straight line through the two measured ones next to it. */
function heartbeatCost(measured, rate) {
  const points = [[0, 0], ...Object.entries(measured).map(([at, ms]) => [Number(at), ms])];
  const found = points.findIndex(([at], i) => i > 0 && at >= rate);
  const next = found === -1 ? points.length - 1 : found;
  const [[fromRate, from], [toRate, to]] = [points[next - 1], points[next]];
  return from + ((rate - fromRate) / (toRate - fromRate)) * (to - from);
}

/** All per second at the peak, unless it says otherwise. */
export function need(sessions, model = usual, cost = costs) {
  const heartbeats = sessions * (model.active / model.beat + (1 - model.active) / model.idle);
  const mean = (sessions * model.active * model.messages) / 3600;
  const sends = mean * model.peak;
  // As if each recipient cost a send of its own: more than it does.
  const deliveries = sends * model.recipients;
  /** Busy milliseconds in each second: of one of so many brokers, and of the database. */
  const ofBroker = (brokers) =>
    heartbeatCost(cost.broker.heartbeats, heartbeats / brokers) +
    (deliveries * (cost.broker.send + cost.broker.take) + sessions * cost.broker.stream) / brokers +
    // All brokers hear everything.
    (brokers > 1 ? deliveries * cost.broker.heard : 0);
  const notifies = (brokers) => (brokers > 1 ? Math.min(deliveries, brokers * MOST_NOTIFIES) : 0);
  const ofDatabase = (brokers) =>
    brokers * heartbeatCost(cost.database.heartbeats, heartbeats / brokers) +
    deliveries * (cost.database.send + cost.database.take) +
    sessions * cost.database.stream +
    notifies(brokers) * brokers * cost.database.notify;
  const byConnections = Math.ceil((sessions * SESSION_CONNECTIONS) / (model.connections * model.fill));
  let byProcessor = 1;
  while (ofBroker(byProcessor) > model.fill * 1000 && byProcessor < sessions) byProcessor++;
  const brokers = Math.max(byConnections, byProcessor);
  const database = ofDatabase(brokers) / 1000;
  const beatDay = 86_400 * heartbeats * cost.wal.heartbeat;
  const deliveredDay = mean * model.recipients * 3600 * model.hours;
  const connections = brokers * (model.pool + 1);
  return {
    "heartbeats /s": heartbeats,
    "messages sent /s": sends,
    "deliveries /s": deliveries,
    "transactions /s": heartbeats + deliveries * 4,
    "brokers (one core each at most)": brokers,
    "… for their connections": byConnections,
    "… for their processor": byProcessor,
    "cores busy, all brokers": (ofBroker(brokers) * brokers) / 1000,
    "cores busy, PostgreSQL": database,
    "… of these, for hints between brokers": (notifies(brokers) * brokers * cost.database.notify) / 1000,
    "cores to have, PostgreSQL": Math.ceil(database / model.fill),
    "connections to PostgreSQL": connections,
    "memory of one broker, MiB":
      (cost.broker.memory + ((sessions * SESSION_CONNECTIONS) / brokers) * cost.broker.perConnection) / 1024,
    "memory of PostgreSQL's connections, MiB": (connections * cost.database.perConnection) / 1024,
    "WAL, MiB/s": (heartbeats * cost.wal.heartbeat + deliveries * (cost.wal.send + cost.wal.take)) / 1024,
    "WAL, GiB a day": (beatDay + deliveredDay * (cost.wal.send + cost.wal.take)) / 1024 ** 2,
    "stored, GiB a day": (deliveredDay * cost.stored) / 1024 ** 2,
    "stored in all, GiB": (deliveredDay * cost.stored * model.keep) / 1024 ** 2,
  };
}

const number = (value) =>
  value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(value >= 10 || Number.isInteger(value) ? 0 : 2);

function table(heads, results) {
  const rows = Object.keys(results[0]).map((name) => [name, ...results.map((result) => number(result[name]))]);
  const all = [["", ...heads], ...rows];
  const widths = all[0].map((_, i) => Math.max(...all.map((row) => row[i].length)));
  return all
    .map((row) => row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join("  "))
    .join("\n");
}

const names = ["sessions", ...Object.keys(usual)];
const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: "string" }])) });
const { sessions, ...changed } = Object.fromEntries(Object.entries(values).map(([name, text]) => [name, Number(text)]));
const model = { ...usual, ...changed };
const sizes = sessions === undefined ? [10, 1_000, 100_000] : [sessions];
process.stdout.write(
  `${Object.entries(model)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ")}\n\n`,
);
process.stdout.write(
  `${table(
    sizes.map((size) => `${size.toLocaleString("en")} sessions`),
    sizes.map((size) => need(size, model)),
  )}\n`,
);
