/**
 * Registered peers without session servers: each registers over HTTP, holds its event stream open and beats as a
 * session server does. All in this one process, on a machine name of their own, so that the broker does not look for
 * their processes. A line of JSON on standard input asks them to do something; one line answers.
 */
import { get } from "node:http";
import { createInterface } from "node:readline";
import { cleanUp } from "../cleanup.mjs";
import { call, client } from "../http.mjs";
import { pause } from "../process.mjs";
import { headers } from "../product.mjs";

const BEAT_MS = 10_000;

const { broker, count } = JSON.parse(process.argv[2] ?? "{}");
const http = client(8);
const peers = [];
/** Set while a message is on its way: how many hints are still to come, and what to do after the last. */
let awaited;

function heard(chunk) {
  if (!awaited || !String(chunk).includes("mail")) return;
  awaited.left -= 1;
  if (awaited.left === 0) awaited.done(performance.now());
}

for (let i = 0; i < count; i++) {
  const claude_pid = 1000 + i;
  const place = { host: "elsewhere", claude_pid, cwd: `/crowd/${i}`, name: `crowd-${i}`, held: [] };
  const mine = headers(broker, await call(http, broker, "register", place, headers(broker)));
  peers.push(mine);
  await new Promise((resolve, reject) => {
    get(`${broker.url}/events`, { agent: false, headers: mine }, (response) => resolve(response.on("data", heard))).on(
      "error",
      reject,
    );
  });
  let next = BEAT_MS;
  const beat = async () => {
    try {
      const answer = await call(http, broker, "heartbeat", { claude_pid, presence: "idle", held: [] }, mine);
      next = answer.beat_ms ?? BEAT_MS;
    } catch {
      // The broker is ending.
    }
    setTimeout(beat, next);
  };
  // Spread over the interval, as sessions that were started at different times are.
  setTimeout(beat, (BEAT_MS * i) / count);
}

const actions = {
  async join({ join: pool }) {
    const begin = performance.now();
    await Promise.all(peers.map((mine) => call(http, broker, "join_pool", { pool }, mine)));
    return { ms: performance.now() - begin };
  },
  /** Until the last stream has heard of it. */
  async broadcast({ broadcast: pool, text }) {
    const begin = performance.now();
    const last = new Promise((resolve) => {
      awaited = { left: peers.length - 1, done: resolve };
    });
    await call(http, broker, "send_message", { to: `@${pool}`, text }, peers[0]);
    const end = await last;
    awaited = undefined;
    return { ms: end - begin };
  },
};

createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const asked = JSON.parse(line);
    const [name] = Object.keys(asked);
    process.stdout.write(`${JSON.stringify(await actions[name](asked))}\n`);
  })
  .on("close", () => process.exit(0));
await pause(100);
process.stdout.write(`${JSON.stringify({ peers: count })}\n`);
process.on("exit", () => void cleanUp());
