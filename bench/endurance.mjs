/**
 * Memory after a long time at a steady rate: 50 messages per second between ten peers, one of which is a session server
 * with hooks that take its mail. The floor is the memory after twenty minutes, when V8's heap has its working size. `CCT_BENCH_MINUTES` sets another time than an hour.
 */
import { readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { call, client } from "./http.mjs";
import { residentMiB } from "./postgres.mjs";
import { pause } from "./process.mjs";
import { headers, runHook, startBroker, startSession } from "./product.mjs";
import { privateMemory } from "./server.mjs";

const MINUTES = Number(process.env.CCT_BENCH_MINUTES ?? 60);
/** V8's young generation grows for the first 3,000 messages or so that a session gets (about ten minutes), and then stays. */
const WARM_UP_MS = Math.min(20, MINUTES / 3) * 60_000;
const PER_SECOND = 50;
const PEERS = 9;
const TEXT = "I am changing src/auth.ts; please keep out of it until noon. ".repeat(4).slice(0, 200);
const TAKE_MS = 200;

export async function endurance() {
  const broker = await startBroker();
  const http = client(16);
  const peers = [];
  for (let i = 0; i < PEERS; i++) {
    const place = { host: "elsewhere", host_pid: 1000 + i, cwd: `/bench/${i}`, name: `peer-${i}`, held: [] };
    const registered = await call(http, broker, "register", place, headers(broker));
    peers.push({ name: place.name, host_pid: place.host_pid, headers: headers(broker, registered) });
  }
  const session = await startSession(broker, "session", { wrap: false });
  for (const event of ["SessionStart", "UserPromptSubmit"]) runHook(event, broker.home, session.hostPid);
  const names = [...peers.map(({ name }) => name), "session"];

  const read = new Set();
  const timers = [
    setInterval(() => each(peers, (peer) => take(http, broker, peer, read)), TAKE_MS),
    setInterval(() => takeAsHook(session.spool, read), TAKE_MS),
    setInterval(() => each(peers, (peer) => beat(http, broker, peer)), 10_000),
  ];
  const begin = performance.now();
  const memory = () => ({ broker: residentMiB(broker.pid), session: privateMemory(session.pid) });
  const count = MINUTES * 60 * PER_SECOND;
  let first;
  for (let i = 0; i < count; i++) {
    await pause(begin + (i * 1000) / PER_SECOND - performance.now());
    const sender = i % PEERS;
    // Never the sender itself: 1 to 9 places after it, of 10.
    const to = names[(sender + 1 + (Math.floor(i / PEERS) % PEERS)) % names.length];
    await call(http, broker, "send_message", { to, text: `${i} ${TEXT}` }, peers[sender].headers);
    if (!first && performance.now() - begin > WARM_UP_MS) first = memory();
  }
  for (let tries = 0; tries < 300 && read.size < count; tries++) await pause(100);
  const last = memory();
  for (const timer of timers) clearInterval(timer);
  await session.end();
  await broker.end();
  const figure = (name, value, floor) => ({
    name: `${name}, after ${count.toLocaleString("en")} messages in ${MINUTES} minutes`,
    value,
    unit: "MiB",
    floor,
    floorName: `after ${(WARM_UP_MS / 60_000).toFixed(1)} minutes`,
    goal: { limit: 1.2, of: "ratio" },
  });
  return [
    figure("broker: memory", last.broker, first.broker),
    figure("session server: private memory", last.session, first.session),
    { name: "messages sent and not read", value: count - read.size, goal: { limit: 0, of: "value" } },
  ];
}

function each(peers, work) {
  // What fails now is done with the next turn.
  for (const peer of peers) work(peer).catch(() => {});
}

async function take(http, broker, peer, read) {
  if (peer.isBusy) return;
  peer.isBusy = true;
  try {
    const { messages } = await call(http, broker, "claim_messages", { limit: 20, budget: 9000 }, peer.headers);
    if (messages.length === 0) return;
    const acks = (outcome) => messages.map(({ message_id, attempt }) => ({ message_id, attempt, outcome }));
    await call(http, broker, "ack_messages", { acks: acks("delivered"), via: "tool", batch: "1" }, peer.headers);
    await call(http, broker, "ack_messages", { acks: acks("read") }, peer.headers);
    for (const { message_id } of messages) read.add(message_id);
  } finally {
    peer.isBusy = false;
  }
}

/** Each file by renames, as hooks do it; the session server reports it as read and removes it. */
function takeAsHook(spool, read) {
  if (!readdirSync(spool).includes("mail")) return;
  const taken = join(spool, `taken.bench-${read.size}`);
  try {
    renameSync(join(spool, "mail"), taken);
  } catch {
    // The session server is just adding to it.
    return;
  }
  const [head = ""] = readFileSync(taken, "utf8").split("\n", 1);
  for (const [, id] of head.matchAll(/ ([A-Za-z0-9_-]{8,64}):\d+/g)) read.add(id);
  renameSync(taken, taken.replace("taken.", "read."));
}

const beat = (http, broker, { host_pid, headers: mine }) =>
  call(http, broker, "heartbeat", { host_pid, presence: "active", held: [] }, mine);
