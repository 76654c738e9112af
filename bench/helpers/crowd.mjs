/**
 * Registered peers without session servers: each registers over HTTP, holds its event stream open and beats as a
 * session server does. All in this one process, on a machine name of their own, so that the broker does not look for
 * their processes.
 */
import { get } from "node:http";
import { cleanUp } from "../cleanup.mjs";
import { call, client } from "../http.mjs";
import { pause } from "../process.mjs";
import { headers } from "../product.mjs";

const BEAT_MS = 10_000;

const { broker, count } = JSON.parse(process.argv[2] ?? "{}");
const http = client(8);
for (let i = 0; i < count; i++) {
  const claude_pid = 1000 + i;
  const place = { host: "elsewhere", claude_pid, cwd: `/crowd/${i}`, name: `crowd-${i}`, held: [] };
  const mine = headers(broker, await call(http, broker, "register", place, headers(broker)));
  await new Promise((resolve, reject) => {
    get(`${broker.url}/events`, { agent: false, headers: mine }, (response) => resolve(response.resume())).on(
      "error",
      reject,
    );
  });
  const beat = () => call(http, broker, "heartbeat", { claude_pid, presence: "idle", held: [] }, mine).catch(() => {});
  // Spread over the interval, as sessions that were started at different times are.
  setTimeout(() => setInterval(beat, BEAT_MS), (BEAT_MS * i) / count);
}
process.stdin.on("end", () => process.exit(0)).resume();
await pause(100);
process.stdout.write(`${JSON.stringify({ peers: count })}\n`);
process.on("exit", () => void cleanUp());
