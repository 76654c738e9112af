/**
 * From a send to the file that the receiver's hooks read. The floor is what no design can do without: one HTTP round
 * trip to a server that does nothing, and one file of the same size written and renamed into place. Both sides end with
 * the same watcher seeing the file.
 *
 * Sender: the operator, `POST /api/send_message`. Receiver: a real session server under a stand-in for the host; its
 * mail is taken, marked done and then read by renames, as hooks do it, so that every message is a delivery of its own.
 */
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { atEnd } from "./cleanup.mjs";
import { call, client } from "./http.mjs";
import { pause, startHelper } from "./process.mjs";
import { headers, runHook, startBroker, startSession, tempFolder } from "./product.mjs";
import { quantile } from "./stats.mjs";

const MESSAGES = 500;
const WARM_UP = 30;
/** Pause between two messages, so that the acknowledgements of the previous one are done. */
const GAP_MS = 15;
const TEXT = "I am changing src/auth.ts; please keep out of it until noon. ".repeat(4).slice(0, 200);
const GOALS = [
  { label: "p50", q: 0.5, limit: 5 },
  { label: "p99", q: 0.99, limit: 15 },
];

export async function delivery() {
  return [...(await withPeers(2)), ...(await withPeers(100))];
}

/** Two of the peers have session servers; the others are registered and hold their streams open. */
async function withPeers(count) {
  const broker = await startBroker();
  const receiver = await startSession(broker, "receiver");
  const bystander = await startSession(broker, "bystander");
  const others = count - 2;
  const { url, token, home } = broker;
  const crowd = others > 0 && (await startHelper("helpers/crowd.mjs", { broker: { url, token }, count: others }));
  const echo = await startHelper("helpers/echo.mjs");
  for (const event of ["SessionStart", "UserPromptSubmit"]) runHook(event, home, receiver.hostPid);

  const real = await deliveries(broker, receiver.spool);
  const bare = await floor(echo.said.url, real.fileBytes, real.requestBytes);
  const sides = { real: [], bare: [] };
  for (let i = 0; i < MESSAGES + WARM_UP; i++) {
    const times = { bare: await bare.once(), real: await real.once() };
    if (i < WARM_UP) continue;
    sides.bare.push(times.bare);
    sides.real.push(times.real);
  }
  for (const process of [receiver, bystander, echo, crowd, broker]) if (process) await process.end();
  const who = others > 0 ? `${count} peers (2 session servers, ${others} open streams)` : `${count} peers`;
  return GOALS.map(({ label, q, limit }) => ({
    name: `send → spool file, ${who}, ${label}`,
    value: quantile(sides.real, q),
    unit: "ms",
    floor: quantile(sides.bare, q),
    floorName: "POST + write + rename",
    goal: { limit, of: "value" },
  }));
}

/** Sends a message and returns the time until it lies in the spool, in ms. */
async function deliveries(broker, spool) {
  const http = client(1);
  const operator = headers(broker);
  const mail = join(spool, "mail");
  const arrival = arrivals(spool);
  let count = 0;

  async function once() {
    await pause(GAP_MS);
    const message_id = randomUUID();
    const arrived = arrival.next();
    const begin = performance.now();
    const sent = call(http, broker, "send_message", { to: "receiver", text: TEXT, message_id }, operator);
    const at = await arrived;
    // As a hook does: take, print, mark; then the model continues.
    const name = `bench-${count++}`;
    const taken = join(spool, `taken.${name}`);
    renameSync(mail, taken);
    const content = readFileSync(taken, "utf8");
    if (!content.split("\n", 1)[0].includes(message_id)) throw new Error("the spool file holds another message");
    renameSync(taken, join(spool, `done.${name}`));
    await sent;
    await pause(GAP_MS);
    renameSync(join(spool, `done.${name}`), join(spool, `read.${name}`));
    return { took: at - begin, bytes: Buffer.byteLength(content) };
  }
  const { bytes } = await once();
  const requestBytes = JSON.stringify({ to: "receiver", text: TEXT, message_id: randomUUID() }).length;
  return { fileBytes: bytes, requestBytes, once: async () => (await once()).took };
}

async function floor(url, fileBytes, requestBytes) {
  const http = client(1);
  const folder = join(tempFolder(), "spool");
  mkdirSync(folder);
  const mail = join(folder, "mail");
  const arrival = arrivals(folder);
  const body = "x".repeat(requestBytes);
  const content = "x".repeat(fileBytes);
  return {
    async once() {
      await pause(GAP_MS);
      const arrived = arrival.next();
      const begin = performance.now();
      await http.post(url, {}, body);
      writeFileSync(join(folder, ".tmp"), content, { flag: "wx" });
      renameSync(join(folder, ".tmp"), mail);
      const at = await arrived;
      renameSync(mail, join(folder, "taken"));
      return at - begin;
    },
  };
}

/** Tells when `mail` appears in a folder. */
function arrivals(folder) {
  let tell = () => {};
  const watcher = watch(folder, (_, name) => {
    if (name === "mail") tell(performance.now());
  });
  atEnd(() => watcher.close());
  return {
    next: () =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("no mail came within 10 s")), 10_000);
        tell = (at) => {
          clearTimeout(timer);
          tell = () => {};
          resolve(at);
        };
      }),
  };
}
