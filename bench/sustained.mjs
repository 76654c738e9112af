/**
 * Durable sends under a steady load: 32 peers, each with one connection and one request at a time, write to eight others for a
 * minute (`CCT_BENCH_SECONDS`), with the guards at work and limits that nobody reaches. Shows the broker's CPU time per
 * send beside that of two bare servers (`helpers/bare.mjs`) by turns, whether the rate stays what it was, and how many sends
 * share one flush of the disk.
 *
 * `CCT_BENCH_RIVAL_URL` is the URL of claude-peers' broker, which somebody started: then both are measured by turns first.
 * `CCT_BENCH_PROFILE` is a folder for the broker's CPU profile.
 */
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { openConnection, requestHead } from "./helpers/raw-client.mjs";
import { call, client } from "./http.mjs";
import { cpuMs } from "./postgres.mjs";
import { pause, startHelper } from "./process.mjs";
import { headers, startBroker, tempFolder } from "./product.mjs";
import { median } from "./stats.mjs";

const CONNECTIONS = 32;
/** So many that no mailbox is nearly full at the end. */
const RECEIVERS = 8;
const SECONDS = Number(process.env.CCT_BENCH_SECONDS ?? 60);
const SLICE_S = SECONDS / 6;
const WARM_UP_S = Math.min(5, SECONDS / 4);
const STRACE_MS = 3_000;
const TURNS = 5;
const TEXT = "x".repeat(190);
/** On, and so high that nobody reaches them. */
const LIMITS = {
  CCT_SENDS_PER_MINUTE: "1000000",
  CCT_SENDS_PER_PAIR: "1000000",
  CCT_REPEAT_SECONDS: "60",
  CCT_MAILBOX_MESSAGES: "1000000",
};

export async function sustained() {
  const profile = process.env.CCT_BENCH_PROFILE;
  const broker = await startBroker(LIMITS, profile ? ["--cpu-prof", `--cpu-prof-dir=${profile}`] : []);
  const { senders: own, beat } = await ownSenders(broker);
  await run(own, WARM_UP_S);

  const figures = [];
  const rivalUrl = process.env.CCT_BENCH_RIVAL_URL;
  if (rivalUrl) figures.push(await byTurns(own, await rivalSenders(rivalUrl)));

  const bare = await startBare();
  const storing = await startBare({ path: join(tempFolder(), "floor.db") });
  for (const floor of [bare, storing]) await run(floor.senders, WARM_UP_S);
  const slices = [];
  for (let i = 0; i < 6; i++) {
    await beat();
    slices.push(await measured(broker.pid, own, SLICE_S));
    for (const floor of [bare, storing]) floor.slices.push(await measured(floor.pid, floor.senders, SLICE_S / 4));
  }
  for (const floor of [bare, storing]) await floor.end();
  const cpuOf = (all) => median(all.map(({ cpu }) => cpu));
  const [first, last] = [slices[0], slices[5]];
  figures.push(
    {
      name: "broker CPU per send",
      value: cpuOf(slices),
      unit: "µs",
      floor: cpuOf(bare.slices),
      floorName: "bare server",
      goal: { limit: 180, of: "value" },
    },
    {
      name: "the same",
      value: cpuOf(slices),
      unit: "µs",
      floor: cpuOf(storing.slices),
      floorName: "bare server with one insert",
      goal: { limit: 4, of: "ratio" },
    },
    {
      name: `durable sends, ${CONNECTIONS} connections, all the time`,
      value: median(slices.map((s) => s.rate)),
      unit: "/s",
    },
    {
      name: "the same, last sixth of the time",
      value: last.rate,
      unit: "/s",
      floor: first.rate,
      floorName: "first sixth",
    },
    {
      name: "broker CPU per send, last sixth of the time",
      value: last.cpu,
      unit: "µs",
      floor: first.cpu,
      floorName: "first sixth",
      goal: { limit: 1.1, of: "ratio" },
    },
    ...[bare, storing].map((floor, i) => ({
      name: `the same of a bare server${i === 0 ? "" : " with one insert"}: does the machine stay as fast`,
      value: floor.slices[5].cpu,
      unit: "µs",
      floor: floor.slices[0].cpu,
      floorName: "first sixth",
      info: true,
    })),
    await perFlush(broker.pid, own),
  );
  for (const sender of own) sender.connection.end();
  await broker.end();
  return figures;
}

async function ownSenders(broker) {
  const http = client(1);
  const register = (name, i) => {
    const place = { host: "elsewhere", host_pid: 1000 + i, cwd: `/bench/${i}`, name, held: [] };
    return call(http, broker, "register", place, headers(broker));
  };
  const receivers = [];
  for (let i = 0; i < RECEIVERS; i++) receivers.push(await register(`receiver-${i}`, CONNECTIONS + i));
  /** To a peer that is away a send reads more. */
  async function beat() {
    for (const [i, receiver] of receivers.entries())
      await call(http, broker, "heartbeat", { host_pid: 1000 + CONNECTIONS + i, held: [] }, headers(broker, receiver));
  }
  const url = `${broker.url}/api/send_message`;
  const senders = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const head = requestHead(url, headers(broker, await register(`sender-${i}`, i)));
    const body = (n) => `{"to":"receiver-${n % RECEIVERS}","text":"${TEXT}${n}"}`;
    senders.push({ connection: await openConnection(url), head, body, isDone: (answer) => answer.includes("queued") });
  }
  return { senders, beat };
}

async function rivalSenders(base) {
  const http = client(1);
  const peer = { pid: process.pid, cwd: "/bench", git_root: null, tty: null, summary: "" };
  const { id } = JSON.parse(await http.post(`${base}/register`, {}, JSON.stringify(peer)));
  const url = `${base}/send-message`;
  const head = requestHead(url, { "content-type": "application/json" });
  const senders = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const body = (n) => `{"from_id":"sender-${i}","to_id":"${id}","text":"${TEXT}${n}"}`;
    senders.push({ connection: await openConnection(url), head, body, isDone: (answer) => answer.includes("true") });
  }
  return senders;
}

let number = 0;

/** Lets all senders send for some seconds. */
async function run(senders, seconds) {
  const begin = performance.now();
  const end = begin + seconds * 1000;
  let count = 0;
  await Promise.all(
    senders.map(async ({ connection, head, body, isDone }) => {
      while (performance.now() < end) {
        const answer = await connection.post(head, body(number++));
        if (!isDone(answer)) throw new Error(`not sent: ${answer}`);
        count++;
      }
    }),
  );
  return { count, rate: (count / (performance.now() - begin)) * 1000 };
}

/** The same, with the CPU time of the process `pid` per request, in microseconds. */
async function measured(pid, senders, seconds) {
  const before = cpuMs(pid);
  const slice = await run(senders, seconds);
  return { ...slice, cpu: ((cpuMs(pid) - before) * 1000) / slice.count };
}

/** A bare server and its clients, which send what the broker's send. */
async function startBare(input) {
  const server = await startHelper("helpers/bare.mjs", input);
  const { url } = server.said;
  const peer = { peer_id: "0".repeat(32), secret: "0".repeat(32) };
  const head = requestHead(url, headers({ token: "0".repeat(43) }, peer));
  const body = (n) => `{"to":"receiver-0","text":"${TEXT}${n}"}`;
  const isDone = (answer) => answer.includes("queued");
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => openConnection(url)));
  const senders = connections.map((connection) => ({ connection, head, body, isDone }));
  async function end() {
    for (const { connection } of senders) connection.end();
    await server.end();
  }
  return { pid: server.pid, senders, slices: [], end };
}

async function byTurns(own, rival) {
  await run(rival, WARM_UP_S);
  const [ours, theirs] = [[], []];
  for (let turn = 0; turn < TURNS; turn++) {
    ours.push((await run(own, SLICE_S / 2)).rate);
    theirs.push((await run(rival, SLICE_S / 2)).rate);
  }
  for (const sender of rival) sender.connection.end();
  return {
    name: `durable sends, ${CONNECTIONS} connections, by turns`,
    value: median(ours),
    unit: "/s",
    floor: median(theirs),
    floorName: "claude-peers' broker",
  };
}

/** How many sends share one flush of the disk. */
async function perFlush(pid, senders) {
  const name = "sends per flush of the disk";
  if (spawnSync("strace", ["-V"]).status !== 0) return { name, notMeasured: "strace is missing" };
  const strace = spawn("strace", ["-f", "-e", "trace=fdatasync,fsync", "-p", String(pid)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  strace.stderr.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  await pause(500);
  const before = flushes();
  const { count } = await run(senders, STRACE_MS / 1000);
  const done = flushes() - before;
  strace.kill("SIGINT");
  return { name, value: count / done };

  function flushes() {
    return text.match(/f(?:data)?sync\(/g)?.length ?? 0;
  }
}
