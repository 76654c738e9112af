/**
 * Registered peers without session servers: each registers with the program's own client, holds its event stream open and
 * beats as a session server does, on connections of its own. All in this one process, on a machine name of their own, so
 * that the broker does not look for their processes. A line of JSON on standard input asks them to do something; one line
 * answers.
 */
import { randomBytes } from "node:crypto";
import { subscribe } from "node:diagnostics_channel";
import { createInterface } from "node:readline";
import { cleanUp } from "../cleanup.mjs";
import { pause } from "../process.mjs";
import { loadSource } from "../source.mjs";

const BEAT_MS = 10_000;
const FLOOD_AT_ONCE = 20;

const { broker, count } = JSON.parse(process.argv[2] ?? "{}");
const { createClient } = await loadSource(
  `crowd-${process.pid}`,
  `export { createClient } from "./src/client/client.ts";`,
);
const access = () => ({ urls: [broker.url], token: broker.token });
const newId = () => randomBytes(16).toString("hex");
const peers = [];
let connections = 0;
let beats = 0;
subscribe("net.client.socket", () => {
  connections += 1;
});
/** Set while a message is on its way: how many hints are still to come, and what to do after the last. */
let awaited;

function heard(chunk) {
  if (!awaited || !String(chunk).includes("mail")) return;
  awaited.left -= 1;
  if (awaited.left === 0) awaited.done(performance.now());
}

for (let i = 0; i < count; i++) {
  const client = createClient(access, { random: Math.random, newId });
  const host_pid = 1000 + i;
  const place = { host: "elsewhere", host_pid, cwd: `/crowd/${i}`, name: `crowd-${i}`, held: [] };
  const mine = await client.call("register", place);
  const call = (name, input) => client.call(name, input, mine);
  peers.push(call);
  (await client.openStream(mine)).on("data", heard);
  let next = BEAT_MS;
  const beat = async () => {
    try {
      beats += 1;
      const answer = await call("heartbeat", { host_pid, presence: "idle", held: [] });
      next = answer.beat_ms ?? BEAT_MS;
    } catch {
      // The broker is ending.
    }
    setTimeout(beat, next);
  };
  // Spread over the interval, as sessions that were started at different times are.
  setTimeout(beat, (BEAT_MS * i) / count);
}

/** One message of one peer to another, each time of others. */
let said = 0;
function say(text) {
  said += 1;
  const to = `crowd-${(said * 7) % count}`;
  return peers[(said * 7 + 1 + (said % 5)) % count]("send_message", { to, text });
}
let talking;

const actions = {
  /** What they did so far. */
  count: () => ({ beats, connections }),
  /** So many messages a second from now on; 0 ends that. */
  talk({ talk: perSecond }) {
    clearInterval(talking);
    if (perSecond > 0) talking = setInterval(() => void say(`about ${said}`).catch(() => {}), 1000 / perSecond);
    return {};
  },
  /** So many messages, as fast as they go, and then one with this text. */
  async flood({ flood, text }) {
    for (let left = flood; left > 0; left -= FLOOD_AT_ONCE)
      await Promise.all(Array.from({ length: Math.min(left, FLOOD_AT_ONCE) }, () => say(`flood ${said}`)));
    await say(text);
    return {};
  },
  async join({ join: pool }) {
    const begin = performance.now();
    await Promise.all(peers.map((call) => call("join_pool", { pool })));
    return { ms: performance.now() - begin };
  },
  /** Until the last stream has heard of it. */
  async broadcast({ broadcast: pool, text }) {
    const begin = performance.now();
    const last = new Promise((resolve) => {
      awaited = { left: peers.length - 1, done: resolve };
    });
    await peers[0]("send_message", { to: `@${pool}`, text });
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
