/**
 * Capacity planning: the brokers and cores that a deployment needs, calculated from the measured cost of each operation
 * (`npm run bench -- shared`) and a model of what sessions do. Nothing is measured here; every number is in this file or
 * an option.
 *
 *     node bench/capacity.mjs                            10, 1,000 and 100,000 sessions
 *     node bench/capacity.mjs --sessions 5000 --messages 60 --beat 30
 */
import { parseArgs } from "node:util";

/** Measured; processor time in milliseconds, WAL and memory in KiB (`docs/scaling.md` says when and where). */
export const costs = {
  broker: { heartbeat: 1.6, send: 0.36, take: 1.35, heard: 0.01, stream: 0.001, memory: 68 * 1024, perConnection: 45 },
  database: { heartbeat: 0.75, send: 0.28, take: 1.39, stream: 0.004, perConnection: 2.2 * 1024 },
  wal: { heartbeat: 0.65, send: 1.75, take: 2.54 },
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
  /** Seconds between two heartbeats; sessions beat every 10. */
  beat: 10,
  pool: 10,
  /** Share of a processor, and of a broker's 4096 connections, that is planned with. */
  fill: 0.5,
};

/** Connections that a broker takes in all, and that a session holds: its stream, and one for its requests. */
const BROKER_CONNECTIONS = 4096;
const SESSION_CONNECTIONS = 2;

/** All per second at the peak, unless it says otherwise. */
export function need(sessions, model = usual, cost = costs) {
  const heartbeats = sessions / model.beat;
  const mean = (sessions * model.active * model.messages) / 3600;
  const sends = mean * model.peak;
  // As if each recipient cost a send of its own: more than it does.
  const deliveries = sends * model.recipients;
  const each = (per) =>
    (heartbeats * per.heartbeat + deliveries * (per.send + per.take) + sessions * per.stream) / 1000;
  const database = each(cost.database);
  const asked = each(cost.broker);
  // What every broker hears grows with their number.
  const heard = (deliveries * cost.broker.heard) / 1000;
  const byConnections = (sessions * SESSION_CONNECTIONS) / (BROKER_CONNECTIONS * model.fill);
  const byProcessor = heard < model.fill ? asked / (model.fill - heard) : Number.POSITIVE_INFINITY;
  const brokers = Math.max(1, Math.ceil(Math.max(byConnections, byProcessor)));
  const wal = heartbeats * cost.wal.heartbeat + deliveries * (cost.wal.send + cost.wal.take);
  const walDay =
    sessions * ((86_400 / model.beat) * cost.wal.heartbeat) +
    mean * model.recipients * 3600 * model.hours * (cost.wal.send + cost.wal.take);
  const storedDay = mean * model.recipients * 3600 * model.hours * cost.stored;
  const connections = brokers * (model.pool + 1);
  return {
    "heartbeats /s": heartbeats,
    "messages sent /s": sends,
    "deliveries /s": deliveries,
    "transactions /s": heartbeats + deliveries * 4,
    "brokers (one core each at most)": brokers,
    "… for their connections": Math.ceil(byConnections),
    "… for their processor": Math.ceil(byProcessor),
    "cores busy, all brokers": asked + heard * brokers,
    "cores busy, PostgreSQL": database,
    "cores to have, PostgreSQL": Math.ceil(database / model.fill),
    "connections to PostgreSQL": connections,
    "memory of one broker, MiB":
      (cost.broker.memory + ((sessions * SESSION_CONNECTIONS) / brokers) * cost.broker.perConnection) / 1024,
    "memory of PostgreSQL's connections, MiB": (connections * cost.database.perConnection) / 1024,
    "WAL, MiB/s": wal / 1024,
    "WAL, GiB a day": walDay / 1024 ** 2,
    "stored, GiB a day": storedDay / 1024 ** 2,
    "stored in all, GiB": (storedDay * model.keep) / 1024 ** 2,
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
